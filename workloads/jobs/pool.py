"""A pool of nodes, as far as a job must know it. The pool's own stack describes it so."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workloads.hardware import INSTANCES, Instance

KEY = "pool.json"  # in the data of the ConfigMap


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Nodes of one type; the queue in front of them has the pool's name."""

    name: str
    instance_type: str  # a row of the hardware table
    max_nodes: int | None = None  # None: not known
    efa: bool = False
    lnc: int | None = None  # physical cores per logical NeuronCore; None: the chip's default
    hugepages: int = 0  # 2-MiB pages that a node reserves
    allocator: str = "device-plugin"  # or "dra"
    registry: str | None = None  # the account's own
    images: str | None = None  # its repository of the workloads' images: "dev/workloads"
    cloudwatch: str | None = None  # what tells the environment's alarms of a training run

    @property
    def hardware(self) -> Instance:
        return INSTANCES[self.instance_type]

    @property
    def devices(self) -> Mapping[str, int]:
        """Kubernetes resource -> how many a node has, without NeuronCores: the same again."""
        resources = self.hardware.kubernetes_resources(self.lnc, efa=self.efa)
        return {name: n for name, n in resources.items() if name != "aws.amazon.com/neuroncore"}

    @property
    def device(self) -> str:
        """What workloads.train calls the nodes' devices; versions.toml says which stack has which:
        PyTorch/XLA on the first Trainium and Inferentia2, native PyTorch on later ones."""
        if self.hardware.nvidia:
            return "cuda"
        if not (self.hardware.neuron and self.hardware.chip):
            return "cpu"
        return "neuron" if self.hardware.chip.lnc else "xla"

    @property
    def processes(self) -> int:
        """One for each logical NeuronCore or GPU of a node, or one for its CPUs."""
        resources = self.hardware.kubernetes_resources(self.lnc)
        return resources.get("aws.amazon.com/neuroncore") or resources.get("nvidia.com/gpu") or 1


def config_map_name(pool: str) -> str:
    return f"pool-{pool}"


def described(pool: Pool) -> dict[str, str]:
    """The data of the pool's ConfigMap."""
    return {KEY: json.dumps(asdict(pool), sort_keys=True)}


def read_pool(data: Mapping[str, str]) -> Pool:
    """The pool of a ConfigMap's data. KeyError, ValueError or TypeError: it is not one."""
    row: dict[str, Any] = json.loads(data[KEY])
    pool = Pool(**row)
    if pool.instance_type not in INSTANCES:
        raise ValueError(f"{pool.instance_type} is not in the hardware table")
    return pool
