"""What would run: cluster, node groups, services, load balancers, functions."""

import json
from collections.abc import Mapping
from typing import Any

import jmespath  # type: ignore[import-untyped]  # its stubs are not worth a dependency

from operations.embedded.extension.handler import Place
from operations.embedded.extension.types import ecs, eks, scaling
from operations.embedded.verify.verifier import Described, Properties, Read, Resource, Verifier

_SERVICE = "application-autoscaling"


def _cluster_properties(properties: Properties) -> Properties:
    """A cluster's properties with its log types as the API lists them."""
    types = properties.get("Logging", {}).get("ClusterLogging", {}).get("EnabledTypes", [])
    logging = [{"types": [item["Type"] for item in types], "enabled": True}] if types else []
    return {**properties, "Logging": {"clusterLogging": logging}}


def _service_properties(properties: Properties) -> Properties:
    """A service's properties; it was asked for in its cluster, which the API names by ARN."""
    return {name: value for name, value in properties.items() if name != "Cluster"}


def _function(path: str) -> Read:
    return Read("lambda", "GetFunction", {"FunctionName": "{id}"}, path)


def _target_tags(place: Place, resource: Resource) -> Any:
    at = {"ServiceNamespace": "{ServiceNamespace}", "ResourceIds": ["{ResourceId}"]}
    path = "ScalableTargets[0].ScalableTargetARN"
    arn = Read(_SERVICE, "DescribeScalableTargets", at, path)(place, resource)
    return Read(_SERVICE, "ListTagsForResource", {"ResourceARN": arn}, "Tags")(place, resource)


def _attributes(noun: str) -> Read:
    """The attributes of a LoadBalancer or TargetGroup."""
    return Read("elbv2", f"Describe{noun}Attributes", {f"{noun}Arn": "{id}"}, "Attributes")


def _tags(place: Place, resource: Resource) -> Any:
    return Read("elbv2", "DescribeTags", {"ResourceArns": ["{id}"]}, "TagDescriptions[0].Tags")(
        place, resource
    )


def _permission(place: Place, resource: Resource) -> dict[str, object] | None:
    """The statement of the function's policy that a permission is, in the permission's words."""
    policy = Read("lambda", "GetPolicy", {"FunctionName": "{FunctionName}"}, "Policy")
    statements = json.loads(policy(place, resource) or '{"Statement": []}')["Statement"]
    for statement in statements:
        if statement["Sid"] == resource.id:
            [source] = jmespath.search('Condition.*."AWS:SourceArn"', statement)
            return {
                "Action": statement["Action"],
                "FunctionName": statement["Resource"],
                "Principal": statement["Principal"]["Service"],
                "SourceArn": source,
            }
    return None


VERIFIERS: Mapping[str, Verifier] = {
    "AWS::EKS::Cluster": Verifier(
        find=Read("eks", "DescribeCluster", {"name": "{id}"}, "cluster"),
        expect=_cluster_properties,
        unseen=("BootstrapSelfManagedAddons",),
        remark="no Kubernetes API server runs",
    ),
    "AWS::EKS::Nodegroup": Verifier(
        find=Read(
            "eks",
            "DescribeNodegroup",
            {"clusterName": "{ClusterName}", "nodegroupName": "{tail}"},
            "nodegroup",
        ),
        unseen=("ForceUpdateEnabled",),
        remark="no node starts",
    ),
    "AWS::EKS::Addon": Verifier(
        find=Described(eks.ADDON),
        unseen=("ResolveConflicts", "PreserveOnDelete"),
        remark="nothing is installed into a cluster",
    ),
    "AWS::EKS::PodIdentityAssociation": Verifier(find=Described(eks.POD_IDENTITY_ASSOCIATION)),
    "AWS::EKS::AccessEntry": Verifier(
        find=Read(
            "eks",
            "DescribeAccessEntry",
            {"clusterName": "{ClusterName}", "principalArn": "{PrincipalArn}"},
            "accessEntry",
        ),
        parts={
            "AccessPolicies": Read(
                "eks",
                "ListAssociatedAccessPolicies",
                {"clusterName": "{ClusterName}", "principalArn": "{PrincipalArn}"},
                "associatedAccessPolicies",
            )
        },
    ),
    "AWS::ECS::Cluster": Verifier(
        find=Read(
            "ecs",
            "DescribeClusters",
            {"clusters": ["{id}"], "include": ["SETTINGS", "CONFIGURATIONS", "TAGS"]},
            "clusters[0]",
        ),
        rename={"ClusterSettings": "settings"},
    ),
    "AWS::ECS::TaskDefinition": Verifier(find=Described(ecs.TASK_DEFINITION)),
    "AWS::ECS::Service": Verifier(
        find=Read(
            "ecs",
            "DescribeServices",
            {"cluster": "{Cluster}", "services": ["{id}"], "include": ["TAGS"]},
            "services[0]",
        ),
        expect=_service_properties,
        remark="no container starts, whatever its status says",
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Verifier(
        find=Read(
            _SERVICE,
            "DescribeScalableTargets",
            {"ServiceNamespace": "{ServiceNamespace}", "ResourceIds": ["{ResourceId}"]},
            "ScalableTargets[0]",
        ),
        parts={"Tags": _target_tags},
        unseen=("RoleARN",),  # answered with the role that the service has of its own
        remark="nothing scales",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Verifier(
        find=Read(
            _SERVICE,
            "DescribeScalingPolicies",
            {"ServiceNamespace": "ecs", "PolicyNames": ["{PolicyName}"]},
            "ScalingPolicies[0]",
        ),
        expect=scaling.flat,
        remark="nothing scales",
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Verifier(
        find=Read(
            "elbv2", "DescribeLoadBalancers", {"LoadBalancerArns": ["{id}"]}, "LoadBalancers[0]"
        ),
        parts={
            "LoadBalancerAttributes": _attributes("LoadBalancer"),
            "Tags": _tags,
        },
        rename={"Subnets": "AvailabilityZones[].SubnetId"},
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Verifier(
        find=Read(
            "elbv2", "DescribeTargetGroups", {"TargetGroupArns": ["{id}"]}, "TargetGroups[0]"
        ),
        parts={
            "TargetGroupAttributes": _attributes("TargetGroup"),
            "Tags": _tags,
        },
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Verifier(
        find=Read("elbv2", "DescribeListeners", {"ListenerArns": ["{id}"]}, "Listeners[0]"),
        parts={"Tags": _tags},
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Verifier(
        find=Read("elbv2", "DescribeRules", {"RuleArns": ["{id}"]}, "Rules[0]"),
        parts={"Tags": _tags},
        unseen=("ListenerArn",),  # it is part of the rule's own
    ),
    "AWS::Lambda::Function": Verifier(
        find=_function("Configuration"),
        parts={"Tags": _function("Tags")},
        rename={"Layers": "Layers[].Arn"},
        unseen=("Code",),  # the API gives a checksum and a place of its own
    ),
    "AWS::Lambda::Permission": Verifier(find=_permission),
    "AWS::Lambda::LayerVersion": Verifier(
        find=Read("lambda", "GetLayerVersionByArn", {"Arn": "{id}"}),
        unseen=("Content",),  # as a function's code
    ),
    "Custom::S3AutoDeleteObjects": Verifier(
        find=Read(
            "lambda",
            "GetFunction",
            {"FunctionName": "{ServiceToken}"},
            "Configuration.{ServiceToken: FunctionArn}",
        ),
        parts={"BucketName": Read("s3", "ListObjectsV2", {"Bucket": "{BucketName}"}, "Name")},
    ),
}
