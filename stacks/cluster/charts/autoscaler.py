"""Values of the cluster autoscaler's chart.

Keys: kubernetes/autoscaler, charts/cluster-autoscaler/values.yaml, 9.59.0; arguments:
cluster-autoscaler/config/flags/flags.go, 1.34 to 1.36.
"""

from typing import NotRequired, TypedDict

from stacks.shared.kubernetes import SYSTEM_NODES

SERVICE_ACCOUNT = "cluster-autoscaler"

_Arguments = TypedDict(
    "_Arguments",
    {
        "balance-similar-node-groups": bool,
        "expander": str,
        "max-drain-parallelism": int,
        "scale-down-unneeded-time": str,
        "enable-dynamic-resource-allocation": NotRequired[bool],
    },
)


class _AutoDiscovery(TypedDict):
    clusterName: str


class _ServiceAccount(TypedDict):
    name: str


class _Rbac(TypedDict):
    serviceAccount: _ServiceAccount


class Autoscaler(TypedDict):
    """What is set of the autoscaler's chart."""

    autoDiscovery: _AutoDiscovery
    awsRegion: str
    rbac: _Rbac
    nodeSelector: dict[str, str]
    extraArgs: _Arguments


def values(allocator: str, *, cluster_name: str, region: str) -> Autoscaler:
    """Grow a pool for a pending pod, and give back a node that has been empty for ten minutes."""
    arguments: _Arguments = {
        # Two pools of one type are bought in two ways; the queue says which one a job is for.
        "balance-similar-node-groups": False,
        "expander": "least-waste",
        # No node is drained, only empty ones go. How busy a node is, is told from CPUs and memory,
        # of which a training pod may ask for little while it holds every device.
        "max-drain-parallelism": 0,
        "scale-down-unneeded-time": "10m",
    }
    if allocator == "dra":
        # Else a claim is ignored, and a pod fits anywhere. From 1.35 on it cannot be turned off.
        arguments["enable-dynamic-resource-allocation"] = True
    return {
        "autoDiscovery": {"clusterName": cluster_name},
        "awsRegion": region,
        "rbac": {"serviceAccount": {"name": SERVICE_ACCOUNT}},
        "nodeSelector": SYSTEM_NODES,
        "extraArgs": arguments,
    }
