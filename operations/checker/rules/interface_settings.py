"""What network interfaces carry, and what may not stand in a launch template beside them."""

from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.values import given
from operations.checker.views.node_groups import NodeGroup

_EFA = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html"
_LAUNCH_TEMPLATES = "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"
_NOT_ON_EFA_ONLY = (
    "AssociatePublicIpAddress",
    "Ipv4PrefixCount",
    "Ipv4Prefixes",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "Ipv6PrefixCount",
    "Ipv6Prefixes",
    "PrimaryIpv6",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
)


@rule(
    "public-address",
    "F",
    title="No public address beside several interfaces, nor on an EFA",
    without='EC2 refuses the launch: "The associatePublicIPAddress parameter cannot be specified '
    'when launching with multiple network interfaces".',
    sources=["https://github.com/aws/karpenter-provider-aws/pull/5666"],
)
def public_address(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for interface in group.interfaces:
        if interface.public and (interface.efa or len(group.interfaces) > 1):
            yield Found(
                group.boot,
                f"{interface.path('AssociatePublicIpAddress')} is true",
                "leave it out, and put the nodes into private subnets with a NAT gateway or VPC "
                "endpoints",
            )


@rule(
    "efa-only-address",
    "F",
    title="An efa-only interface has no IP settings",
    without="EC2 refuses the launch with InvalidParameterValue: an efa-only interface carries no "
    "IP traffic.",
    sources=[_EFA, "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"],
)
def efa_only_address(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for interface in group.interfaces:
        if interface.kind != "efa-only" or interface.public:
            continue  # public-address has the second
        for key in _NOT_ON_EFA_ONLY:
            if given(interface.given.get(key)):
                yield Found(
                    group.boot,
                    f"{interface.path(key)} is given for an efa-only interface",
                    "leave it out; addresses belong on the interfaces of type interface",
                )


@rule(
    "groups-beside-interfaces",
    "F",
    title="Security groups stand inside the interfaces, none beside them",
    without="EC2 refuses the launch: network interfaces and an instance-level security group may "
    "not be specified in one request.",
    sources=[_LAUNCH_TEMPLATES, "https://github.com/hashicorp/terraform-provider-aws/issues/4570"],
)
def groups_beside_interfaces(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for key in ("SecurityGroupIds", "SecurityGroups"):
        if group.interfaces and given(group.data.get(key)):
            yield Found(
                group.boot,
                f"{key} stands beside NetworkInterfaces",
                "move the groups into Groups of each interface",
            )


@rule(
    "groups-in-interfaces",
    "H",
    title="Every interface names its security groups",
    without="EC2 puts the interface into the VPC's default group: the node does not reach the "
    "cluster, or EFA traffic is dropped.",
    sources=[
        _LAUNCH_TEMPLATES,
        "https://github.com/terraform-aws-modules/terraform-aws-eks/issues/1880",
    ],
)
def groups_in_interfaces(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if group.data.get("SecurityGroupIds") or group.data.get("SecurityGroups"):
        return  # groups-beside-interfaces has it
    for interface in group.interfaces:
        if interface.groups == [] and "NetworkInterfaceId" not in interface.given:
            yield Found(
                group.boot,
                f"{interface.path('Groups')} is not given",
                "name the cluster's security group, and for EFA one that allows itself",
            )


@rule(
    "managed-template",
    "F",
    title="The launch template of a managed node group leaves subnet, role, spot and the end of "
    "nodes to the group",
    without="EKS refuses the node group: these are the group's to give.",
    sources=[
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-properties-eks-nodegroup-launchtemplatespecification.html",
        _LAUNCH_TEMPLATES,
        "https://github.com/hashicorp/terraform-provider-aws/issues/24192",
    ],
)
def managed_template(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if not group.managed:
        return
    for interface in group.interfaces:
        if given(interface.given.get("SubnetId")):
            yield Found(
                group.boot,
                f"{interface.path('SubnetId')} is given",
                "leave it out and list the subnet in the node group's Subnets",
            )
    remedies = {
        "IamInstanceProfile": "leave it out and set the node group's NodeRole",
        "HibernationOptions": "leave it out; EKS does not hibernate nodes",
        "InstanceInitiatedShutdownBehavior": "leave it out; EKS ends nodes itself",
    }
    for key, remedy in remedies.items():
        if given(group.data.get(key)):
            yield Found(group.boot, f"{key} is given", remedy)
    if group.market == "spot":
        yield Found(
            group.boot,
            "InstanceMarketOptions.MarketType is spot",
            "leave it out and set the node group's CapacityType to SPOT",
        )


@rule(
    "delete-on-termination",
    "S",
    title="Every interface is deleted with its instance",
    without="Interfaces added to the primary one outlive their nodes, hold addresses of the "
    "subnet, and block the deletion of groups and subnets.",
    sources=["https://github.com/aws/aws-k8s-tester/pull/531"],
)
def delete_on_termination(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for interface in group.interfaces:
        missing = "DeleteOnTermination" not in interface.given
        if interface.deleted is False or (missing and len(group.interfaces) > 1):
            yield Found(
                group.boot,
                f"{interface.path('DeleteOnTermination')} is {'not given' if missing else 'false'}",
                "set it to true",
            )
