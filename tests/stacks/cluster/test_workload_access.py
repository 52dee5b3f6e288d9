import pytest


@pytest.fixture
def cluster(stacks):
    return stacks("prod")["cluster"]


@pytest.fixture
def role(cluster):
    """The logical ID of the role that the pods' service account takes."""
    [association] = [
        association
        for association in cluster.every("AWS::EKS::PodIdentityAssociation").values()
        if (association["Namespace"], association["ServiceAccount"]) == ("workloads", "workload")
    ]
    return association["RoleArn"]["Fn::GetAtt"][0]


def test_pods_alone_take_the_role(cluster, role):
    trust = cluster.every("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]

    for statement in trust:
        assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    actions = {action for s in trust for action in [s["Action"]] if isinstance(action, str)} | {
        action for s in trust if isinstance(s["Action"], list) for action in s["Action"]
    }
    assert actions == {"sts:AssumeRole", "sts:TagSession"}


def test_it_publishes_into_the_namespace_that_the_alarm_looks_at_alone(stacks, cluster, role):
    [statement] = [
        statement
        for policy in cluster.every("AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "cloudwatch:PutMetricData"
    ]
    [alarm] = [
        alarm
        for alarm in stacks("prod")["observability"].every("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "SecondsSinceStep"
    ]

    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Training/prod"}}
    assert alarm["Namespace"] == "Training/prod"


def test_it_reads_and_writes_the_four_buckets_and_nothing_else(cluster, role):
    [policy] = [
        policy
        for policy in cluster.every("AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": role}]
    ]
    allowed = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        actions, resources = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            allowed[action] = resources if isinstance(resources, list) else [resources]

    assert set(allowed) == {
        "cloudwatch:PutMetricData",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    }
    for action, resources in allowed.items():
        names = str(resources)
        if action == "cloudwatch:PutMetricData":
            continue  # it has no resource; the namespace is below
        if action.startswith("kms"):
            assert "PublishOutputFnGetAttKey" in names
            continue
        assert len(resources) == 4
        for bucket in ("Data", "Checkpoints", "Models", "Artifacts"):
            assert f"PublishOutputFnGetAtt{bucket}" in names
