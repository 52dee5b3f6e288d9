"""Values of Neuron's chart: what hands Neuron devices to pods.

Keys: aws-neuron/neuron-helm-charts, charts/neuron-helm-chart/values.yaml, release 1.9.0.
"""

from collections.abc import Sequence
from typing import TypedDict

from stacks.shared.kubernetes import SYSTEM_NODES
from workloads.hardware import INSTANCES, Instance

# Chips whose devices are joined in a ring or a torus, of which a pod must get neighbours.
# Source: Neuron documentation, deploy/infrastructure/scheduler.rst.
_JOINED = ("Inferentia", "Inferentia2", "Trainium")


class _Component(TypedDict):
    enabled: bool


class _CustomScheduler(TypedDict):
    nodeSelector: dict[str, str]


class _Scheduler(_Component):
    nodeSelector: dict[str, str]
    customScheduler: _CustomScheduler


class Neuron(TypedDict):
    """What is set of Neuron's chart."""

    neuronInstances: list[str]
    devicePlugin: _Component
    draDriver: _Component
    scheduler: _Scheduler
    npd: _Component


def values(allocator: str, pools: Sequence[Instance]) -> Neuron:
    """The allocator's switch: device plugin or DRA driver, never both.

    `pools` are the instance types of the environment's pools. The scheduler extension only serves
    the device plugin: it finds neighbouring devices for a pod that asks for some of a node's. A
    claim asks the scheduler for them itself.
    """
    plugin = allocator == "device-plugin"
    return {
        # The chart's list lags behind the types; every component runs on these only.
        "neuronInstances": [name for name, instance in INSTANCES.items() if instance.neuron],
        "devicePlugin": {"enabled": plugin},
        "draDriver": {"enabled": not plugin},
        "scheduler": {
            "enabled": plugin and any(_needs_extension(instance) for instance in pools),
            "nodeSelector": SYSTEM_NODES,
            "customScheduler": {"nodeSelector": SYSTEM_NODES},
        },
        # EKS's node monitoring agent watches the devices, and EKS replaces the node. Two that
        # act on one node would fight.
        "npd": {"enabled": False},
    }


def _needs_extension(instance: Instance) -> bool:
    """Whether a pod can ask for more than one device and less than all."""
    return instance.chips > 2 and instance.chip is not None and instance.chip.name in _JOINED
