"""Values of the chart of CloudWatch's agent: what is told of accelerators and EFA interfaces.

Keys: aws-observability/helm-charts, charts/amazon-cloudwatch-observability/values.yaml, 6.4.0.
"""

from collections.abc import Sequence
from typing import TypedDict

from stacks.cluster.charts.affinity import Affinity, on
from stacks.config import NodePoolConfig
from stacks.shared.kubernetes import SYSTEM_NODES
from workloads.hardware import INSTANCES

AGENT = ("amazon-cloudwatch", "cloudwatch-agent")  # namespace and service account


class _Agent(TypedDict):
    affinity: Affinity


class _Switch(TypedDict):
    enabled: bool


class _Exporter(_Switch):
    affinity: Affinity


class _Manager(TypedDict):
    nodeSelector: dict[str, str]


class _Webhook(TypedDict):
    create: bool


class Monitor(TypedDict):
    """What is set of the chart."""

    clusterName: str
    region: str
    agent: _Agent
    manager: _Manager
    admissionWebhooks: dict[str, _Webhook]
    neuronMonitor: _Exporter
    dcgmExporter: _Exporter
    containerLogs: _Switch
    applicationSignals: _Switch


def watched(pools: Sequence[NodePoolConfig]) -> list[NodePoolConfig]:
    """The pools with something that only the agent tells of."""
    return [pool for pool in pools if pool.hardware.chip or pool.efa]


def values(
    allocator: str, pools: Sequence[NodePoolConfig], *, cluster_name: str, region: str
) -> Monitor:
    """Metrics of the pools' accelerators and interfaces; no logs, no traces, no other nodes.

    What is told is paid by the observation, so that the agent runs on the watched pools alone.
    Neuron's monitor needs the device plugin (Neuron documentation, deploy/infrastructure/
    monitoring.rst): under DRA there is none.
    """
    here = watched(pools)
    neuron = [name for name, instance in INSTANCES.items() if instance.neuron]
    off: _Webhook = {"create": False}
    return {
        "clusterName": cluster_name,
        "region": region,
        "agent": {"affinity": on("pool", [pool.name for pool in here])},
        # It tolerates every taint, and a pod that is not a daemon's keeps a node from going.
        "manager": {"nodeSelector": SYSTEM_NODES},
        # They look at each new pod, for traces that nobody asked for.
        "admissionWebhooks": dict.fromkeys(
            ("instrumentations", "namespaces", "pods", "workloads"), off
        ),
        "neuronMonitor": {
            "enabled": allocator == "device-plugin" and any(p.hardware.neuron for p in here),
            # The chart's list lags behind the types.
            "affinity": on("node.kubernetes.io/instance-type", neuron),
        },
        "dcgmExporter": {
            "enabled": any(pool.hardware.nvidia for pool in here),
            "affinity": on("k8s.amazonaws.com/accelerator"),
        },
        "containerLogs": {"enabled": False},
        "applicationSignals": {"enabled": False},
    }
