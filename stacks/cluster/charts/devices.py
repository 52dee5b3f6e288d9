"""Values of the charts whose plugins hand EFA interfaces and NVIDIA's GPUs to pods.

Keys: aws/eks-charts, stable/aws-efa-k8s-device-plugin, v0.5.30; NVIDIA/k8s-device-plugin,
deployments/helm/nvidia-device-plugin, v0.20.0.
"""

from typing import TypedDict

from stacks.cluster.charts.affinity import Affinity, on
from stacks.shared.kubernetes import EFA_NODES, GPU, NEURON


class _Toleration(TypedDict):
    key: str
    operator: str
    effect: str


class _Labels(TypedDict):
    keys: list[str]
    values: list[str]


class Efa(TypedDict):
    """What is set of the chart of EFA's plugin."""

    supportedInstanceLabels: _Labels
    tolerations: list[_Toleration]


class Nvidia(TypedDict):
    """What is set of the chart of NVIDIA's plugin."""

    affinity: Affinity


def efa() -> Efa:
    """EFA's plugin on the nodes that have EFA interfaces, whatever their taint.

    The chart goes by instance type. A pool may have a type with EFA and go without, and there
    the plugin finds nothing and starts over and over (aws/sagemaker-hyperpod-cli #367).
    """
    return {
        "supportedInstanceLabels": {"keys": list(EFA_NODES), "values": list(EFA_NODES.values())},
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in (NEURON, GPU)
        ],
    }


def nvidia() -> Nvidia:
    """NVIDIA's plugin on the nodes that the autoscaler knows as such.

    The chart looks for labels of Node Feature Discovery, which is not installed.
    """
    return {"affinity": on("k8s.amazonaws.com/accelerator")}
