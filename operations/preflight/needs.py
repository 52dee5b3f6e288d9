"""What an environment takes of an account, as numbers and names.

The stacks decide it and are not imported here; tests/operations/preflight/test_needs.py holds each
to what they synthesize.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from stacks.config import EnvironmentConfig, NodePoolConfig
from workloads.hardware import INSTANCES, QUOTAS

# stacks/cluster: the nodes that are always there, and EKS's own add-ons.
SYSTEM_TYPES = ("m7a.large", "m6a.large", "m5.large")
SYSTEM_VCPUS, SYSTEM_NODES, SYSTEM_MIN_NODES, SYSTEM_GIB = 2, 3, 2, 50
ADDONS = (
    "vpc-cni",
    "kube-proxy",
    "eks-pod-identity-agent",
    "coredns",
    "eks-node-monitoring-agent",
)
# stacks/network
_WITH_NAT = ("ecr.api", "ecr.dkr")
_WITHOUT_NAT = (
    *_WITH_NAT,
    "autoscaling",
    "monitoring",
    "ec2",
    "eks",
    "eks-auth",
    "lambda",
    "logs",
    "ssm",
    "ssmmessages",
)
GATEWAY_ENDPOINTS = ("s3", "dynamodb")
GROUP_RULES = 4  # of one direction in one security group, at most
# stacks/storage and stacks/gateway
BUCKETS = 5
GATEWAY_TASKS = (2, 10)  # of one vCPU each
BOOTSTRAP_VERSION = 6  # of the CDK's bootstrap stack

_STANDARD = re.compile(r"(?!dl|hpc|inf|mac|trn)[acdhimrtz]")


def interface_endpoints(config: EnvironmentConfig) -> tuple[str, ...]:
    """The services that the VPC has interface endpoints for, by the last part of their names."""
    if config.network.egress == "nat":
        return _WITH_NAT
    return (*_WITHOUT_NAT, *config.gateway.runtimes)


def system_types(region: str) -> list[str]:
    return [
        name for name in SYSTEM_TYPES if name not in INSTANCES or region in INSTANCES[name].zones
    ]


def quota_class(instance_type: str) -> str | None:
    """The class of families whose vCPU quota an instance type counts against; None: another."""
    family = instance_type.partition(".")[0]
    letters = re.match("[a-z]+", family)
    if letters and letters.group() in QUOTAS:
        return letters.group()
    if family.startswith("vt"):
        return "g"
    return "standard" if _STANDARD.match(family) else None


def interfaces(pool: NodePoolConfig) -> int:
    """The network interfaces that a node of the pool starts with."""
    first, *others = pool.hardware.network_cards
    if not pool.efa:
        return 1
    beside = pool.efa_layout == "efa-only" and first.efa and first.interfaces > 1
    return 1 + beside + sum(card.efa for card in others)


def root_gib(pool: NodePoolConfig) -> int:
    """The root volume of a node, in GiB."""
    return 512 if pool.hardware.chip or pool.hardware.vcpus >= 32 else 128


def reserved(pool: NodePoolConfig) -> bool:
    """Whether the nodes are bought already, so that they take nothing of a quota any more."""
    return pool.capacity.reservation is not None


@dataclass(frozen=True)
class Vcpus:
    """What the pools of one market and class of families can launch, in vCPUs."""

    least: int  # one node of the largest type, or those that are always there
    most: int  # every pool at max_nodes
    pools: tuple[str, ...]


def vcpus(config: EnvironmentConfig) -> dict[tuple[str, str], Vcpus]:
    """By market, "on-demand" or "spot", and class of families; the cluster's own nodes count."""
    groups: dict[tuple[str, str], list[tuple[str, int, int, int]]] = defaultdict(list)
    groups["on-demand", "standard"].append(("system", SYSTEM_VCPUS, SYSTEM_MIN_NODES, SYSTEM_NODES))
    for pool in config.pools:
        kind = quota_class(pool.instance_type)
        if reserved(pool) or kind is None:
            continue
        market = "spot" if pool.capacity.kind == "spot" else "on-demand"
        row = (pool.name, pool.hardware.vcpus, pool.min_nodes, pool.max_nodes)
        groups[market, kind].append(row)
    return {key: _sum(rows) for key, rows in groups.items()}


def _sum(rows: list[tuple[str, int, int, int]]) -> Vcpus:
    always = sum(vcpus * least for _, vcpus, least, _ in rows)
    # A pool at zero is there for jobs: with what always runs, one node of it must fit.
    one = max((vcpus for _, vcpus, least, _ in rows if not least), default=0)
    return Vcpus(
        least=always + one,
        most=sum(vcpus * most for _, vcpus, _, most in rows),
        pools=tuple(name for name, *_ in rows),
    )


def bedrock_models(config: EnvironmentConfig) -> Iterator[str]:
    """Every Bedrock model of the gateway, each once, in the file's order."""
    models = (model.bedrock for model in config.gateway.models if model.bedrock)
    yield from dict.fromkeys(models)


def endpoint_name(environment: str, name: str) -> str:
    """What an [[endpoints]] entry is called in the account: app.py."""
    return f"{environment}-{name}"
