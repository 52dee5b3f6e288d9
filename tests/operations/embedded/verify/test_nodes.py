"""What a pool's stack asks of EC2, EKS and Lambda: found again, leaf by leaf."""

import base64
import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from operations.embedded.extension.handler import Place
from operations.embedded.report import resources_of
from operations.embedded.verify import VERIFIERS
from operations.embedded.verify.verifier import Resource
from tests.operations.embedded.extension.lifecycle import ROLE, ref

TAGS = [{"Key": "project", "Value": "ai-silicon"}]
SPECIFICATIONS = [{"ResourceType": kind, "Tags": TAGS} for kind in ("instance", "volume")]
INTERFACES = [
    {"NetworkCardIndex": 0, "DeviceIndex": 0, "InterfaceType": "interface"},
    {"NetworkCardIndex": 0, "DeviceIndex": 1, "InterfaceType": "efa-only"},
    {"NetworkCardIndex": 1, "DeviceIndex": 0, "InterfaceType": "efa-only"},
]
TEMPLATE = {
    "InstanceType": "trn1.32xlarge",
    "NetworkInterfaces": [
        interface | {"Groups": ["sg-1"], "DeleteOnTermination": True} for interface in INTERFACES
    ],
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {
                "VolumeSize": 500,
                "VolumeType": "gp3",
                "Encrypted": True,
                "DeleteOnTermination": True,
            },
        }
    ],
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "InstanceMarketOptions": {"MarketType": "capacity-block"},
    "CapacityReservationSpecification": {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
    },
    "Placement": {"GroupName": "training"},
    "UserData": base64.b64encode(b"---\napiVersion: node.eks.aws/v1alpha1\n").decode(),
    "TagSpecifications": SPECIFICATIONS,
}
NODE_GROUP = {
    "ClusterName": ref("Cluster"),
    "Version": "1.35",
    "AmiType": "AL2023_x86_64_NEURON",
    "ReleaseVersion": "1.35.6-20260904",
    "CapacityType": "CAPACITY_BLOCK",
    "NodeRole": ROLE,
    "Subnets": ["subnet-1"],
    "LaunchTemplate": {
        "Id": ref("Template"),
        "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
    },
    "ScalingConfig": {"MinSize": 1, "DesiredSize": 2, "MaxSize": 4},
    "UpdateConfig": {"MaxUnavailable": 1},
    "NodeRepairConfig": {"Enabled": True},
    "Labels": {"pool": "trn1", "instance-family": "trn1"},
    "Taints": [{"Key": "aws.amazon.com/neuron", "Effect": "NO_SCHEDULE"}],
    "Tags": {"k8s.io/cluster-autoscaler/enabled": "true", "project": "ai-silicon"},
}
FUNCTION = {
    "Code": {"ZipFile": "def handler(event, context): return {}"},
    "Description": "kubectl and helm",
    "Environment": {"Variables": {"AWS_STS_REGIONAL_ENDPOINTS": "regional"}},
    "Handler": "index.handler",
    "Layers": [ref("Layer")],
    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "FATAL"},
    "MemorySize": 1024,
    "Role": ROLE,
    "Runtime": "python3.13",
    "Tags": TAGS,
    "Timeout": 900,
    "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
}
LAYER = {
    "Content": {"S3Bucket": "layers", "S3Key": "kubectl.zip"},
    "Description": "/opt/kubectl/kubectl 1.35.2; /opt/helm/helm 4.1.3",
    "LicenseInfo": "Apache-2.0",
}
RESOURCES = {
    "Cluster": {
        "Type": "AWS::EKS::Cluster",
        "Properties": {
            "RoleArn": ROLE,
            "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]},
            "Version": "1.35",
        },
    },
    "Template": {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {"LaunchTemplateData": TEMPLATE},
    },
    "NodeGroup": {"Type": "AWS::EKS::Nodegroup", "Properties": NODE_GROUP},
    "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": LAYER},
    "Function": {"Type": "AWS::Lambda::Function", "Properties": FUNCTION},
}
LOOKED_AT = ("Template", "NodeGroup", "Layer", "Function")


@pytest.fixture(scope="module")
def deployed(emulator, new_stack) -> Iterator[dict[str, Resource]]:
    """The resources by logical id, as CloudFormation resolved them."""
    s3 = emulator.client("s3")
    s3.create_bucket(
        Bucket="layers", CreateBucketConfiguration={"LocationConstraint": emulator.region}
    )
    s3.put_object(Bucket="layers", Key="kubectl.zip", Body=b"not a program")
    stack = new_stack(emulator)
    stack.deploy(RESOURCES)
    assert stack.status == "CREATE_COMPLETE", stack.reasons
    yield {resource.logical_id: resource for resource in resources_of(emulator, stack.name)}
    stack.delete()


@pytest.fixture(scope="module")
def place(emulator) -> Place:
    return Place(emulator.url, emulator.account, emulator.region)


def lost(place: Place, resource: Resource) -> list[str] | None:
    return VERIFIERS[resource.type].lost(place, resource)


def leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The way to each scalar."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in items:
        if isinstance(part, dict | list):
            yield from leaves(part, *path, name)
        else:
            yield (*path, name)


def with_other(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy with another value of the same kind at the end of the way."""
    name, *rest = path
    copied = copy.copy(value)
    if rest:
        copied[name] = with_other(value[name], tuple(rest))
    else:
        old = value[name]
        copied[name] = not old if isinstance(old, bool) else f"{old}7"
    return copied


@pytest.mark.parametrize("name", LOOKED_AT)
def test_all_of_it_is_found(place, deployed, name):
    assert lost(place, deployed[name]) == []


@pytest.mark.parametrize("name", LOOKED_AT)
def test_another_value_anywhere_is_told(place, deployed, name):
    resource = deployed[name]
    unseen = VERIFIERS[resource.type].unseen
    asked = [path for path in leaves(resource.properties) if path[0] not in unseen]
    assert len(asked) >= 2

    silent = [
        path
        for path in asked
        if lost(
            place,
            dataclasses.replace(resource, properties=with_other(resource.properties, path)),
        )
        == []
    ]
    assert silent == []
