"""Quotas that count things rather than vCPUs: a table, and one way to judge its rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from operations.preflight import needs
from operations.preflight.quotas import ASKS, SOURCE, Quota, room
from operations.preflight.registry import Case, Found, question

_STACKS = "cloudformation:DescribeStacks"


@dataclass(frozen=True)
class _Row:
    quota: Quota
    used: Callable[[Case], float]
    need: Callable[[Case], float]


def _new(case: Case, stack: str, count: float) -> float:
    """What a stack adds: nothing where it exists already."""
    return 0 if stack in case.stacks else count


def _vpcs(case: Case) -> float:
    return len(case.ask("ec2", "DescribeVpcs")["Vpcs"])


def _addresses(case: Case) -> float:
    return len(case.ask("ec2", "DescribeAddresses")["Addresses"])


def _nat_gateways(case: Case) -> float:
    """Those in the zone of the network's public address, which is its first."""
    zone = case.config.network.zones[0]
    subnets = case.ask(
        "ec2", "DescribeSubnets", Filters=[{"Name": "availability-zone-id", "Values": [zone]}]
    )
    here = {row["SubnetId"] for row in subnets["Subnets"]}
    states = ["pending", "available", "deleting"]
    answer = case.ask("ec2", "DescribeNatGateways", Filters=[{"Name": "state", "Values": states}])
    return sum(row["SubnetId"] in here for row in answer["NatGateways"])


def _internet_gateways(case: Case) -> float:
    return len(case.ask("ec2", "DescribeInternetGateways")["InternetGateways"])


def _gateway_endpoints(case: Case) -> float:
    answer = case.ask(
        "ec2",
        "DescribeVpcEndpoints",
        Filters=[{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}],
    )
    return len(answer["VpcEndpoints"])


def _interfaces(case: Case) -> float:
    """All of them; a deployed environment's own are counted twice, on the safe side."""
    return len(case.ask("ec2", "DescribeNetworkInterfaces")["NetworkInterfaces"])


def _none(case: Case) -> float:
    return 0


def _nat(case: Case) -> bool:
    return case.config.network.egress == "nat"


# Quota codes: AWS general reference, "Amazon VPC endpoints and quotas", whose links carry them, and
# ListServiceQuotas as published by several accounts.
_NETWORK = (
    _Row(Quota("vpc", "L-F678F1CE", "VPCs in the region"), _vpcs, lambda c: _new(c, "network", 1)),
    _Row(
        Quota("ec2", "L-0263D0A3", "Elastic IP addresses in the region"),
        _addresses,
        lambda c: _new(c, "network", _nat(c)),
    ),
    _Row(
        Quota("vpc", "L-FE5A380F", "NAT gateways in the network's first zone"),
        _nat_gateways,
        lambda c: _new(c, "network", _nat(c)),
    ),
    _Row(
        Quota("vpc", "L-A4707A72", "internet gateways in the region"),
        _internet_gateways,
        lambda c: _new(c, "network", _nat(c)),
    ),
    _Row(
        Quota("vpc", "L-1B52E74A", "gateway endpoints in the region"),
        _gateway_endpoints,
        lambda c: _new(c, "network", len(needs.GATEWAY_ENDPOINTS)),
    ),
    _Row(
        Quota("vpc", "L-29B6F2EB", "interface endpoints in a VPC"),
        _none,
        lambda c: len(needs.interface_endpoints(c.config)),
    ),
    _Row(
        Quota("vpc", "L-0EA8095F", "rules of a direction in a security group"),
        _none,
        lambda c: needs.GROUP_RULES,
    ),
    _Row(
        Quota("vpc", "L-DF5E4CA3", "network interfaces in the region"),
        _interfaces,
        lambda c: sum(pool.max_nodes * needs.interfaces(pool) for pool in c.config.pools),
    ),
)


@question(
    "network-quotas",
    "network",
    title="VPCs, addresses, gateways, endpoints and interfaces are within their quotas",
    without="The network stack fails: VpcLimitExceeded, AddressLimitExceeded, "
    "NatGatewayLimitExceeded, VpcEndpointLimitExceeded; or nodes fail to start.",
    asks=[
        *ASKS,
        _STACKS,
        "ec2:DescribeAddresses",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
    ],
    sources=["https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html", SOURCE],
)
def network_quotas(case: Case) -> Iterator[Found]:
    yield from _judge(case, _NETWORK)


def _clusters(case: Case) -> float:
    return len(case.ask("eks", "ListClusters")["clusters"])


_CLUSTER = (
    _Row(
        Quota("eks", "L-1194D53C", "EKS clusters in the region"),
        _clusters,
        lambda c: _new(c, "cluster", 1),
    ),
    _Row(
        Quota("eks", "L-6D54EA21", "managed node groups in a cluster"),
        _none,
        lambda c: len(c.config.pools) + 1,
    ),
    _Row(
        Quota("eks", "L-BD136A63", "nodes in a managed node group"),
        _none,
        lambda c: max((pool.max_nodes for pool in c.config.pools), default=0),
    ),
)


@question(
    "cluster-quotas",
    "cluster",
    title="Clusters, node groups and their nodes are within EKS's quotas",
    without="The cluster's or a pool's stack fails: ResourceLimitExceededException.",
    asks=[*ASKS, _STACKS, "eks:ListClusters"],
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html", SOURCE],
)
def cluster_quotas(case: Case) -> Iterator[Found]:
    yield from _judge(case, _CLUSTER)


def _judge(case: Case, rows: tuple[_Row, ...]) -> Iterator[Found]:
    for row in rows:
        need = row.need(case)
        if need:
            yield from room(case, row.quota, used=row.used(case), need=need)
