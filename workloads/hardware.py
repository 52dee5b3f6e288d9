"""What AWS rents: instance types as EC2 describes them, and the few facts its API lacks.

hardware.json beside this file is EC2's own answer; `python -m operations.catalog` renews it.
hardware.toml holds what is kept by hand, each row with its source. Standard library only, so that
stacks, workloads and operations can all read it.
"""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


class TableError(SystemExit):
    """What is wrong with one of the two files, in a sentence on stderr; exit code 2.

    Every command reads them while it is imported, before there is anybody to tell it to.
    """

    def __init__(self, sentence: str) -> None:
        print(f"workloads/{sentence}", file=sys.stderr, flush=True)
        super().__init__(2)


def _read(file: str, load: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    try:
        return load((_HERE / file).read_text("utf-8"))
    except ValueError as error:  # of either format
        raise TableError(f"{file} cannot be read: {error}") from None


_BY_HAND = _read("hardware.toml", tomllib.loads)


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One accelerator chip; hardware.toml says what each field means."""

    name: str
    maker: str
    compiler_target: str | None = None
    cores: int = 0
    lnc: int | None = None
    dra: bool = False
    hbm_gib: float
    bf16_tflops: float
    source: str


def _chip(name: str, row: Mapping[str, Any]) -> Chip:
    try:
        return Chip(name=name, **row)
    except TypeError as error:
        raise TableError(
            f"hardware.toml: [chips.{name}] is not whole: {str(error).partition('() ')[2]}"
        ) from None


CHIPS = {name: _chip(name, row) for name, row in _BY_HAND["chips"].items()}


@dataclass(frozen=True, kw_only=True)
class Quota:
    """EC2 service quotas of a class of families, counted in vCPUs. spot None: there is no spot."""

    on_demand: str
    spot: str | None = None


QUOTAS = {name: Quota(**row) for name, row in _BY_HAND["quotas"].items()}

# Families that EC2 sells on demand by its answer, and for no price.
_UNPRICED = frozenset(_BY_HAND["prices"]["none_on_demand"])


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

    def kubernetes_resources(self, lnc: int | None = None, *, efa: bool = False) -> dict[str, int]:
        """What the device plugins advertise of a node, each name only where there is one.

        `lnc` is the number of physical cores per logical NeuronCore (None: the chip's default);
        `efa`: the node has an EFA interface on every card that takes one. ValueError: the chip
        takes no such `lnc`. Names: Neuron documentation, containers/kubernetes-getting-started.rst
        (aws.amazon.com/neurondevice went with SDK 2.20); aws/eks-charts,
        stable/aws-efa-k8s-device-plugin.
        """
        default = self.chip.lnc if self.chip else None
        if lnc is not None and (default is None or lnc not in (1, default)):
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
        return "on-demand" in self.usage_classes and self.family not in _UNPRICED

    @property
    def quota(self) -> Quota:
        letters = re.match("[a-z]+", self.family)
        return QUOTAS.get(letters.group() if letters else "", QUOTAS["standard"])


def _instance(name: str, row: dict[str, Any]) -> Instance:
    accelerators = _BY_HAND["accelerators"].get(name, row)
    chip = accelerators["chip"]
    if chip and chip not in CHIPS:
        raise TableError(
            f"hardware.json: {name} has the chip {chip}, of which hardware.toml beside it has no "
            f"row; add one, [chips.{chip}], with its source"
        )
    cards = (NetworkCard(index=i, interfaces=n, efa=efa) for i, n, efa in row["network_cards"])
    return Instance(
        name=name,
        vcpus=row["vcpus"],
        cores=row["cores"],
        memory_gib=row["memory_gib"],
        chip=CHIPS[chip] if chip else None,
        chips=accelerators["chips"],
        network_cards=tuple(cards),
        efa_interfaces=row["efa_interfaces"],
        ipv4_per_interface=row["ipv4_per_interface"],
        zones={region: tuple(ids) for region, ids in row["zones"].items()},
        usage_classes=tuple(row["usage_classes"]),
        local_nvme_gb=row["local_nvme_gb"],
    )


def _instances() -> Iterator[Instance]:
    for name, row in _read("hardware.json", json.loads).items():
        try:
            yield _instance(name, row)
        except KeyError as error:
            raise TableError(f"hardware.json: the row of {name} has no {error}") from None


INSTANCES: dict[str, Instance] = {instance.name: instance for instance in _instances()}

# Region -> the IDs of its zones, as far as any type of the table is offered there.
REGIONS: dict[str, tuple[str, ...]] = {
    region: tuple(sorted({zone for i in INSTANCES.values() for zone in i.zones.get(region, ())}))
    for region in sorted({region for i in INSTANCES.values() for region in i.zones})
}
