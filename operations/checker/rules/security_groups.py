"""Security groups: EFA's two rules, the cluster's group, and the world outside."""

from collections.abc import Iterator, Sequence
from typing import Any

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.values import given, identity, listing, mapping
from operations.checker.views.node_groups import NodeGroup
from operations.checker.views.security_groups import Permission, SecurityGroup

_EFA_START = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html"
_REQUIREMENTS = "https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html"
_CONTROLS = "https://docs.aws.amazon.com/controltower/latest/controlreference/ec2-rules.html"
_SSH = 22


@rule(
    "efa-self-ingress",
    "H",
    title="The security group of EFA interfaces allows all traffic from itself",
    without="libfabric hangs at the first message between nodes, or NCCL ends with error 4126.",
    sources=[_EFA_START, "https://github.com/awslabs/awsome-distributed-ai/issues/546"],
)
def efa_self_ingress(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    found = _efa_group(group, deployment)
    if found is not None and not found.from_itself:
        yield Found(
            found.resource,
            f"no ingress rule of all traffic from itself, and {group.boot.logical_id} gives it "
            "to EFA interfaces",
            'add one with IpProtocol "-1" and the group itself as SourceSecurityGroupId',
        )


@rule(
    "efa-self-egress",
    "H",
    title="The security group of EFA interfaces allows all traffic to itself, not just anywhere",
    without="EFA bypasses the kernel's network and a rule to 0.0.0.0/0 does not cover it: jobs "
    "hang at the first collective. With allow_all_outbound, the CDK's allow_internally and "
    "add_egress_rule drop this rule without a word.",
    sources=[
        _EFA_START,
        "https://github.com/gardener/gardener-extension-provider-aws/issues/1832",
        "https://github.com/aws/aws-cdk/issues/38558",
    ],
)
def efa_self_egress(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    found = _efa_group(group, deployment)
    if found is not None and not found.to_itself:
        yield Found(
            found.resource,
            f"no egress rule of all traffic to itself, and {group.boot.logical_id} gives it to "
            "EFA interfaces",
            'add an AWS::EC2::SecurityGroupEgress with IpProtocol "-1" and the group itself as '
            "DestinationSecurityGroupId",
        )


@rule(
    "cluster-group",
    "H",
    title="Nodes with groups of their own also have the cluster's, or rules that let it in",
    without="A launch template with groups takes the cluster's away: the control plane does not "
    "reach the kubelet, and nodes do not join or pods do not reach each other.",
    sources=[
        "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
        _REQUIREMENTS,
    ],
)
def cluster_group(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    if not group.managed:
        return
    named = _groups(group)
    made = [deployment.security_groups.get(value) for value in named]
    # A group from elsewhere may be the cluster's, or have the rules that stand in for it.
    if not named or any(found is None or _admits_others(found) for found in made):
        return
    names = ", ".join(found.resource.logical_id for found in made if found)
    yield Found(
        group.boot,
        f"its only security groups are {names}, which nobody else may enter",
        "add the cluster's security group (Fn::GetAtt ClusterSecurityGroupId)",
    )


@rule(
    "ssh-from-world",
    "S",
    lambda deployment: deployment.security_groups.inward,
    title="No SSH from the whole internet",
    without="Everybody can knock at the nodes' door, which hold the cluster's data and "
    "credentials; AWS's own Trn2 sample opens it.",
    sources=[_CONTROLS],
)
def ssh_from_world(permission: Permission, _: Deployment) -> Iterator[Found]:
    if permission.from_world and permission.covers(_SSH):
        yield _open(permission)


@rule(
    "ssh-without-source",
    "S",
    title="A node group's remote access names who may come",
    without="EKS opens port 22 to the whole internet when RemoteAccess has a key and no source "
    "security group.",
    sources=[
        "https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_eks.NodegroupRemoteAccess.html"
    ],
)
def ssh_without_source(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    access = mapping(group.resource.properties.get("RemoteAccess"))
    if given(access.get("Ec2SshKey")) and not access.get("SourceSecurityGroups"):
        yield Found(
            group.resource,
            "RemoteAccess has Ec2SshKey and no SourceSecurityGroups",
            "leave RemoteAccess out and use Session Manager, or name SourceSecurityGroups",
        )


@rule(
    "nodes-from-world",
    "S",
    title="Nothing of a node is open to the whole internet",
    without="Kubelet, metrics and pods' ports answer everybody who finds the address.",
    sources=[_CONTROLS],
)
def nodes_from_world(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    for value in _groups(group):
        found = deployment.security_groups.get(value)
        for permission in found.ingress if found else ():
            if permission.from_world and not permission.covers(_SSH):
                yield _open(permission)


def _open(permission: Permission) -> Found:
    return Found(
        permission.resource,
        f"{permission.ports} is open to {permission.from_world}",
        "name the address range or the security group that needs it; Session Manager needs no "
        "open port",
    )


def _groups(group: NodeGroup) -> Sequence[Any]:
    """Every security group that a launch template names, once."""
    named = [value for interface in group.interfaces for value in interface.groups or ()]
    named += listing(group.data.get("SecurityGroupIds")) + listing(group.data.get("SecurityGroups"))
    return list({identity(value): value for value in named}.values())


def _efa_group(group: NodeGroup, deployment: Deployment) -> SecurityGroup | None:
    """The group of the EFA interfaces that is to blame if EFA traffic does not pass.

    None: one of their groups allows itself both ways, or may do so, being made elsewhere. The
    group that EKS makes for a cluster does not count: it allows itself outwards only in clusters
    made since EKS added that.
    """
    groups = deployment.security_groups
    values = [v for interface in group.interfaces if interface.efa for v in interface.groups or ()]
    others = [value for value in values if not groups.is_clusters(value)]
    made = [found for found in map(groups.get, others) if found is not None]
    if not made or len(made) < len(others):
        return None
    best = max(made, key=lambda found: found.from_itself + found.to_itself)
    return None if best.from_itself and best.to_itself else best


def _admits_others(group: SecurityGroup) -> bool:
    own = (group.resource.template, group.resource.logical_id)
    return any(permission.peer != own for permission in group.ingress)
