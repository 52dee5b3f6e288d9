import pytest

from operations.embedded.extension.types import ecs, eks, scaling
from tests.operations.embedded.extension.lifecycle import OSLO, ROLE, TOKYO, Life, check, ref

CLUSTER = {
    "Type": "AWS::EKS::Cluster",
    "Properties": {"RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]}},
}
POLICIES = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS"
CONTAINER = {"Name": "c", "Image": "image:1"}
TASK = {
    "Type": "AWS::ECS::TaskDefinition",
    "Properties": {"ContainerDefinitions": [CONTAINER]},
}
SERVICES = {
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Task": TASK,
    "Service": {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "Cluster": ref("Cluster"),
            "TaskDefinition": ref("Task"),
            "DesiredCount": 0,
            "ServiceName": "s",
        },
    },
}
TARGET = {
    "ResourceId": {"Fn::Sub": "service/${Cluster}/s"},
    "ScalableDimension": "ecs:service:DesiredCount",
    "ServiceNamespace": "ecs",
    "MinCapacity": 1,
    "MaxCapacity": 2,
}


def access(policy: str) -> dict:
    scope = {"Type": "cluster"}
    return {"AccessPolicies": [{"PolicyArn": f"{POLICIES}{policy}", "AccessScope": scope}]}


def tracking(percent: int) -> dict:
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    setting = {"PredefinedMetricSpecification": metric, "TargetValue": percent}
    return {"TargetTrackingScalingPolicyConfiguration": setting}


LIVES = (
    Life(
        type="AWS::EKS::Addon",
        needs={"Cluster": CLUSTER},
        properties={"ClusterName": ref("Cluster"), "AddonName": "coredns", "Tags": TOKYO},
        change={"AddonVersion": "v2", "ResolveConflicts": "OVERWRITE"},
        replace={"AddonName": "vpc-cni"},
        call=("eks", "list_addons", {"clusterName": "{Cluster}"}),
        value="addons",
        shown=(["coredns"], ["coredns"], ["vpc-cni"]),
        attributes=("Arn",),
    ),
    Life(
        type="AWS::EKS::AccessEntry",
        needs={"Cluster": CLUSTER},
        properties={"ClusterName": ref("Cluster"), "PrincipalArn": ROLE, **access("ViewPolicy")},
        change=access("EditPolicy"),
        replace={"PrincipalArn": f"{ROLE}2"},
        call=("eks", "list_access_entries", {"clusterName": "{Cluster}"}),
        value="accessEntries",
        shown=([ROLE], [ROLE], [f"{ROLE}2"]),
        attributes=("AccessEntryArn",),
    ),
    Life(
        type="AWS::EKS::PodIdentityAssociation",
        needs={"Cluster": CLUSTER},
        properties={
            "ClusterName": ref("Cluster"),
            "Namespace": "n",
            "ServiceAccount": "s",
            "RoleArn": ROLE,
        },
        change={"RoleArn": f"{ROLE}2"},
        replace={"ServiceAccount": "t"},
        call=("eks", "list_pod_identity_associations", {"clusterName": "{Cluster}"}),
        value="associations[].serviceAccount",
        shown=(["s"], ["s"], ["t"]),
        attributes=("AssociationArn", "AssociationId"),
    ),
    Life(
        type="AWS::ECS::TaskDefinition",
        properties={
            "ContainerDefinitions": [CONTAINER],
            "Cpu": "256",
            "RuntimePlatform": {"CpuArchitecture": "X86_64", "OperatingSystemFamily": "LINUX"},
            "Tags": TOKYO,
        },
        change={"Tags": OSLO},
        replace={"Cpu": "512"},
        call=("ecs", "describe_task_definition", {"taskDefinition": "{It}", "include": ["TAGS"]}),
        value="taskDefinition.status == 'ACTIVE'"
        " && [taskDefinition.cpu, taskDefinition.runtimePlatform.cpuArchitecture, tags[0].value]"
        " || `null`",
        shown=(["256", "X86_64", "tokyo"], ["256", "X86_64", "oslo"], ["512", "X86_64", "tokyo"]),
        attributes=("TaskDefinitionArn",),
    ),
    Life(
        type="AWS::ApplicationAutoScaling::ScalableTarget",
        needs=SERVICES,
        properties=TARGET,
        change={"MaxCapacity": 4},
        replace={"ResourceId": {"Fn::Sub": "service/${Cluster}/other"}},
        call=(
            "application-autoscaling",
            "describe_scalable_targets",
            {"ServiceNamespace": "ecs"},
        ),
        value="ScalableTargets[?contains(ResourceId, '{Cluster}')].MaxCapacity",
        shown=([2], [4], [2]),
    ),
    Life(
        type="AWS::ApplicationAutoScaling::ScalingPolicy",
        needs={
            **SERVICES,
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "Properties": TARGET,
            },
        },
        properties={
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": ref("Target"),
            **tracking(50),
        },
        change=tracking(60),
        replace={"PolicyName": "load"},
        call=("application-autoscaling", "describe_scaling_policies", {"ServiceNamespace": "ecs"}),
        value="ScalingPolicies[?contains(ResourceId, '{Cluster}')]"
        ".TargetTrackingScalingPolicyConfiguration.TargetValue",
        shown=([50], [60], [50]),
        attributes=("Arn",),
    ),
)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.type)
def test_a_type_lives_and_dies_as_its_template_says(stack, life):
    check(stack, life)


def test_every_type_here_has_its_test():
    added = {handler.type for m in (ecs, eks, scaling) for handler in m.HANDLERS}

    assert added == {life.type for life in LIVES}


def test_an_access_entry_has_the_policies_of_its_template_and_no_others(stack):
    def policies() -> list[str]:
        answer = stack.client("eks").list_associated_access_policies(
            clusterName=stack.id("Cluster"), principalArn=ROLE
        )
        return [
            policy["policyArn"].removeprefix(POLICIES)
            for policy in answer["associatedAccessPolicies"]
        ]

    [life] = [life for life in LIVES if life.type == "AWS::EKS::AccessEntry"]
    seen = []
    for properties in life.steps()[:2]:
        stack.deploy(life.needs | {"It": {"Type": life.type, "Properties": properties}})
        seen.append(policies())

    assert seen == [["ViewPolicy"], ["EditPolicy"]]
