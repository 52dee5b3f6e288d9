import pytest


@pytest.fixture
def statements(stacks):
    """The statements of the autoscaler's role, and the cluster's logical ID."""
    stack = stacks("prod")["cluster"]
    [association] = [
        association
        for association in stack.every("AWS::EKS::PodIdentityAssociation").values()
        if association["Namespace"] == "kube-system"
    ]
    assert association["ServiceAccount"] == "cluster-autoscaler"
    [policy] = [
        policy
        for policy in stack.every("AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": association["RoleArn"]["Fn::GetAtt"][0]}]
    ]
    return policy["PolicyDocument"]["Statement"]


def test_it_changes_the_groups_of_its_own_cluster_alone(stacks, statements):
    [cluster] = stacks("prod")["cluster"].every("AWS::EKS::Cluster")
    changing = [s for s in statements if "autoscaling:SetDesiredCapacity" in s["Action"]]

    assert [s["Condition"] for s in changing] == [
        {"StringEquals": {"aws:ResourceTag/eks:cluster-name": {"Ref": cluster}}}
    ]


def test_it_reads_the_labels_taints_and_tags_of_its_own_node_groups(stacks, statements):
    [cluster] = stacks("prod")["cluster"].every("AWS::EKS::Cluster")
    [reading] = [s for s in statements if s["Action"] == "eks:DescribeNodegroup"]

    assert reading["Resource"]["Fn::Join"][1][-2:] == [{"Ref": cluster}, "/*"]


def test_what_has_no_resource_only_describes(statements):
    for statement in statements:
        if statement["Resource"] == "*" and "Condition" not in statement:
            assert all(":Describe" in action for action in statement["Action"])
