"""What AWS rents: instance types as EC2 describes them, and the few facts its API lacks.

hardware.json beside this file is EC2's own answer; `python -m operations.catalog` renews it. The
tables here are kept by hand, each row with its source. Standard library only, so that stacks,
workloads and operations can all read it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NEURON = "Neuron SDK documentation, about-neuron/arch/neuron-hardware"
_TORCHTITAN = "torchtitan, torchtitan/tools/utils.py get_peak_flops, after NVIDIA's data sheets"


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One accelerator chip."""

    name: str
    maker: str  # "aws" or "nvidia"
    compiler_target: str | None  # neuronx-cc --target; None: not compiled for with neuronx-cc
    cores: int  # physical NeuronCores; 0 for NVIDIA
    lnc: int | None  # physical cores per logical NeuronCore by default; None: it cannot be set
    hbm_gib: float  # the memory the chip really has
    bf16_tflops: float  # dense peak
    source: str


def _neuron(
    name: str,
    target: str | None,
    cores: int,
    hbm: float,
    tflops: float,
    page: str,
    lnc: int | None = None,
) -> Chip:
    return Chip(
        name=name,
        maker="aws",
        compiler_target=target,
        cores=cores,
        lnc=lnc,
        hbm_gib=hbm,
        bf16_tflops=tflops,
        source=f"{_NEURON}/{page}",
    )


def _nvidia(name: str, hbm: float, tflops: float) -> Chip:
    # Memory as EC2 reports it, peak as the table of torchtitan has it.
    return Chip(
        name=name,
        maker="nvidia",
        compiler_target=None,
        cores=0,
        lnc=None,
        hbm_gib=hbm,
        bf16_tflops=tflops,
        source=f"DescribeInstanceTypes; {_TORCHTITAN}",
    )


# The name is the API's. Inferentia is compiled for with neuron-cc, which ended with SDK 2.27; its
# memory is DRAM. EC2 reports 512 GiB for a Trainium2 chip, which has 96.
CHIPS = {
    chip.name: chip
    for chip in (
        _neuron("Inferentia", None, 4, 8, 64, "inferentia.rst"),
        _neuron("Inferentia2", "inf2", 2, 32, 190, "inferentia2.rst"),
        _neuron("Trainium", "trn1", 2, 32, 190, "trainium.rst"),
        _neuron("Trainium2", "trn2", 8, 96, 667, "trainium2.rst", lnc=2),
        _nvidia("L40S", 44.7, 362),
        _nvidia("A100", 40, 312),
        _nvidia("A100-80GB", 80, 312),
        _nvidia("H100", 80, 989),
        _nvidia("H200", 141, 989),
        _nvidia("B200", 179.06, 2250),
        _nvidia("B300", 268.59, 2250),
    )
}

# Where EC2's answer is wrong or silent: instance type -> chip and number of chips.
_CHIPS_OF = {
    "trn2u.48xlarge": ("Trainium2", 16),  # no NeuronInfo; Neuron documentation, trn2-arch.rst
    "p4de.24xlarge": ("A100-80GB", 8),  # one name for both sizes; MemoryInfo says 81920 MiB
}

# EC2 lists the usage class "on-demand" for these, but has no on-demand price for them in any
# region: AWS price list of 2026-07-28, Pricing API of 2026-10-03.
_NO_ON_DEMAND_PRICE = frozenset({"trn2", "trn2u", "p5e"})


@dataclass(frozen=True, kw_only=True)
class Quota:
    """EC2 service quotas of a class of families, counted in vCPUs. spot None: there is no spot."""

    on_demand: str
    spot: str | None


# Class -> codes. AWS's default is 0 vCPUs for each but "standard" (5).
# Source: ListServiceQuotas (service code ec2), as published in several accounts' outputs of 2026.
QUOTAS = {
    "trn": Quota(on_demand="L-2C3B7624", spot="L-6B0D517C"),
    "inf": Quota(on_demand="L-1945791B", spot="L-B5D1601B"),
    "hpc": Quota(on_demand="L-F7808C92", spot=None),
    "p": Quota(on_demand="L-417A185B", spot="L-7212CCBC"),
    "g": Quota(on_demand="L-DB2E81BA", spot="L-3819A6DF"),
    "standard": Quota(on_demand="L-1216C47A", spot="L-34B43A08"),
}


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """One network card: how many interfaces it takes, and whether one may be an EFA."""

    index: int
    interfaces: int
    efa: bool


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One instance type, as EC2 describes it."""

    name: str
    vcpus: int
    cores: int
    memory_gib: float
    chip: Chip | None
    chips: int
    network_cards: tuple[NetworkCard, ...]
    efa_interfaces: int
    ipv4_per_interface: int
    zones: Mapping[str, tuple[str, ...]]  # region -> IDs of the zones that offer the type
    usage_classes: tuple[str, ...]  # of "on-demand", "spot", "capacity-block"
    local_nvme_gb: int

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def neuron(self) -> bool:
        return self.chip is not None and self.chip.maker == "aws"

    @property
    def nvidia(self) -> bool:
        return self.chip is not None and self.chip.maker == "nvidia"

    @property
    def neuron_cores(self) -> int:
        """Physical NeuronCores; Trainium2 shows half as many logical ones by default."""
        return self.chips * self.chip.cores if self.chip else 0

    def kubernetes_resources(self, *, lnc: int | None = None, efa: bool = False) -> dict[str, int]:
        """What the device plugins advertise of a node, each name only where there is one.

        `lnc` is the number of physical cores per logical NeuronCore (None: the chip's default);
        `efa`: the node has an EFA interface on every card that takes one. ValueError: the chip
        takes no such `lnc`. Names: Neuron documentation, containers/kubernetes-getting-started.rst
        (aws.amazon.com/neurondevice went with SDK 2.20); aws/eks-charts,
        stable/aws-efa-k8s-device-plugin.
        """
        default = self.chip.lnc if self.chip else None
        if lnc is not None and (default is None or lnc not in (1, 2)):
            raise ValueError(f"{self.name} has no logical NeuronCore configuration {lnc}")
        counts = {
            "aws.amazon.com/neuron": self.chips if self.neuron else 0,
            "aws.amazon.com/neuroncore": self.neuron_cores // (lnc or default or 1),
            "nvidia.com/gpu": self.chips if self.nvidia else 0,
            "vpc.amazonaws.com/efa": self.efa_interfaces if efa else 0,
        }
        return {name: count for name, count in counts.items() if count}

    @property
    def sold_on_demand(self) -> bool:
        return "on-demand" in self.usage_classes and self.family not in _NO_ON_DEMAND_PRICE

    @property
    def quota(self) -> Quota:
        letters = re.match("[a-z]+", self.family)
        return QUOTAS.get(letters.group() if letters else "", QUOTAS["standard"])


def _instance(name: str, row: dict[str, Any]) -> Instance:
    chip, chips = _CHIPS_OF.get(name, (row["chip"], row["chips"]))
    cards = (NetworkCard(index=i, interfaces=n, efa=efa) for i, n, efa in row["network_cards"])
    return Instance(
        name=name,
        vcpus=row["vcpus"],
        cores=row["cores"],
        memory_gib=row["memory_gib"],
        chip=CHIPS[chip] if chip else None,
        chips=chips,
        network_cards=tuple(cards),
        efa_interfaces=row["efa_interfaces"],
        ipv4_per_interface=row["ipv4_per_interface"],
        zones={region: tuple(ids) for region, ids in row["zones"].items()},
        usage_classes=tuple(row["usage_classes"]),
        local_nvme_gb=row["local_nvme_gb"],
    )


INSTANCES: dict[str, Instance] = {
    name: _instance(name, row)
    for name, row in json.loads((Path(__file__).parent / "hardware.json").read_text()).items()
}

# Region -> the IDs of its zones, as far as any type of the table is offered there.
REGIONS: dict[str, tuple[str, ...]] = {
    region: tuple(sorted({zone for i in INSTANCES.values() for zone in i.zones.get(region, ())}))
    for region in sorted({region for i in INSTANCES.values() for region in i.zones})
}
