import pytest

from workloads.versions import VERSIONS


def functions(stack):
    """The handler, and the CDK's framework that calls it."""
    return stack.every("AWS::Lambda::Function")


def statements(stack):
    [policy] = [
        policy
        for name, policy in stack.every("AWS::IAM::Policy").items()
        if name.startswith("KubectlRoleDefaultPolicy")
    ]
    return policy["PolicyDocument"]["Statement"]


def actions(stack):
    return {
        action
        for statement in statements(stack)
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }


@pytest.mark.parametrize("environment", ["prod", "closed", "open"])
def test_the_functions_are_in_the_private_subnets_in_a_group_of_their_own(stacks, environment):
    stack = stacks(environment)["cluster"]
    [group] = [g for g in stack.every("AWS::EC2::SecurityGroup") if g.startswith("Kubectl")]

    assert len(functions(stack)) == 2
    for function in functions(stack).values():
        network = function["VpcConfig"]
        assert network["SecurityGroupIds"] == [{"Fn::GetAtt": [group, "GroupId"]}]
        assert all("PrivateSubnet" in str(subnet) for subnet in network["SubnetIds"])


def test_the_control_plane_lets_them_in_and_nodes_do_not(stacks):
    stack = stacks("prod")["cluster"]
    rule = stack.only("AWS::EC2::SecurityGroupIngress")

    assert rule["GroupId"]["Fn::GetAtt"][0].startswith("ClusterControlPlaneSecurityGroup")
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (443, 443, "tcp")


def test_it_describes_its_cluster_and_signs_in_where_the_charts_are_public(stacks):
    stack = stacks("prod")["cluster"]
    [cluster] = stack.every("AWS::EKS::Cluster")

    assert actions(stack) == {
        "eks:DescribeCluster",
        "ecr-public:GetAuthorizationToken",
        "sts:GetServiceBearerToken",
    }
    [describing] = [s for s in statements(stack) if s["Action"] == "eks:DescribeCluster"]
    assert describing["Resource"] == {"Fn::GetAtt": [cluster, "Arn"]}


def test_without_charts_of_public_ecr_it_signs_in_nowhere(stacks):
    assert actions(stacks("open")["cluster"]) == {"eks:DescribeCluster"}


def test_from_the_accounts_own_registry_it_reads_the_charts_alone(stacks):
    stack = stacks("closed")["cluster"]
    [reading] = [s for s in statements(stack) if "ecr:BatchGetImage" in s["Action"]]

    repositories = {arn.partition(":repository/")[2] for arn in reading["Resource"]}

    assert repositories == {
        "autoscaler/cluster-autoscaler",
        "charts/keda",
        "eks-charts/aws-efa-k8s-device-plugin",
        "helm-charts/amazon-cloudwatch-observability",
        "jobset/charts/jobset",
        "kueue/charts/kueue",
        "neuron/neuron-helm-chart",
    }
    assert "ecr-public:GetAuthorizationToken" not in actions(stack)


def test_its_logs_are_kept_a_month_and_go_with_the_stack(stacks):
    resources = stacks("prod")["cluster"].template["Resources"]
    groups = [
        resource
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Logs::LogGroup" and not name.startswith("DeviceMetrics")
    ]

    assert len(groups) == 2
    for group in groups:
        assert group["Properties"]["RetentionInDays"] == 30
        assert group["DeletionPolicy"] == "Delete"


def test_one_kubectl_serves_every_version_of_kubernetes_that_can_be_chosen(stacks):
    """It may be one minor version older or newer than the cluster: kubernetes.io, version skew."""
    [description] = [
        layer["Description"]
        for layer in stacks("prod")["cluster"].every("AWS::Lambda::LayerVersion").values()
        if "kubectl" in layer["Description"]
    ]
    major, minor = description.removeprefix("/opt/kubectl/kubectl ").split(".")[:2]

    for version in VERSIONS.kubernetes:
        assert version.split(".")[0] == major
        assert abs(int(version.split(".")[1]) - int(minor)) <= 1


def test_nothing_is_pruned_because_kubectl_would_forget_custom_kinds(stacks):
    for stack in stacks("prod").values():
        for objects in stack.every("Custom::AWSCDK-EKS-KubernetesResource").values():
            assert "PruneLabel" not in objects
            assert objects["Overwrite"] is True
