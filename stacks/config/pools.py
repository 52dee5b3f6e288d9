"""The node pools of an environment file: what may be set, and the rules of one pool alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks.config import capacity, fields
from stacks.config.capacity import Purchase
from stacks.config.errors import wrong
from stacks.config.fields import Section
from workloads.hardware import INSTANCES, Instance


class CapacityConfig(Section):
    """How a pool's instances are bought."""

    kind: Annotated[
        Literal[capacity.KINDS],  # type: ignore[valid-type]  # one list of them
        Field(description='"on-demand", "spot", "reservation" or "capacity-block"'),
    ] = "on-demand"
    reservation: fields.Reservation = None
    placement_group: Annotated[
        str | None,
        Field(pattern=r"^[\x21-\x7e]{1,255}$", description="the name of a placement group"),
    ] = None


def _efa_by_default(pool: dict[str, object]) -> bool:
    instance = INSTANCES[str(pool["instance_type"])]
    return instance.efa_interfaces > 0 and pool["max_nodes"] != 1


def _default_lnc(pool: dict[str, object]) -> int | None:
    chip = INSTANCES[str(pool["instance_type"])].chip
    return chip.lnc if chip else None


class NodePoolConfig(Section):
    """One pool of identical nodes in one Availability Zone."""

    name: fields.Name
    instance_type: fields.InstanceType
    zone: fields.Zone
    min_nodes: Annotated[
        fields.Count, Field(ge=0, description="a whole number of nodes, 0 or more")
    ] = 0
    max_nodes: Annotated[
        fields.Count, Field(ge=1, le=450, description="a whole number of nodes from 1 to 450")
    ] = 1
    # By default true where the type has EFA and the pool can hold more than one node.
    efa: fields.Switch = Field(default_factory=_efa_by_default)
    # "efa": every EFA interface also carries IP. "efa-only": a plain primary interface carries IP
    # for the node, which saves an address per network card.
    efa_layout: Annotated[Literal["efa", "efa-only"], Field(description='"efa" or "efa-only"')] = (
        "efa"
    )
    # Physical NeuronCores per logical one, written before the device plugin starts.
    lnc: Annotated[
        fields.Count | None,
        Field(
            default_factory=_default_lnc,
            description="1 or 2, the physical NeuronCores per logical one",
        ),
    ]
    # Reserved at boot, for pods that request hugepages-2Mi.
    hugepages: Annotated[
        fields.Count, Field(ge=0, description="a whole number of 2-MiB pages, 0 or more")
    ] = 0
    # After so many whole hours in which no accelerator worked, the pool is put to sleep: its pods
    # leave, its nodes go, and it takes neither until it is woken (docs/runbooks.md).
    idle_hours: Annotated[
        fields.Count | None,
        Field(ge=1, le=336, description="a whole number of hours from 1 to 336, two weeks"),
    ] = None
    capacity: CapacityConfig = CapacityConfig()

    @property
    def hardware(self) -> Instance:
        return INSTANCES[self.instance_type]

    @property
    def purchase(self) -> Purchase:
        """Everything that follows from how the nodes are bought."""
        return capacity.purchase(
            self.hardware,
            kind=self.capacity.kind,
            reservation=self.capacity.reservation,
            placement_group=self.capacity.placement_group,
            efa=self.efa,
            min_nodes=self.min_nodes,
            max_nodes=self.max_nodes,
        )

    @property
    def addresses_per_node(self) -> int:
        """The addresses of its subnet that a node takes as soon as it has started.

        One for each interface that carries IP, which EFA-only ones do not, and those that the VPC
        CNI fills the primary interface with, for pods (amazon-vpc-cni-k8s, README.md,
        WARM_ENI_TARGET).
        """
        others = self.hardware.network_cards[1:] if self.efa and self.efa_layout == "efa" else ()
        return sum(card.efa for card in others) + self.hardware.ipv4_per_interface

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise wrong(
                "min_nodes",
                self.min_nodes,
                f"it is more than max_nodes = {self.max_nodes}; lower it or raise max_nodes",
            )
        check_efa(self.hardware, self.efa)
        if "efa_layout" in self.model_fields_set:
            check_efa_layout(self.efa_layout, self.efa)
        check_lnc(self.hardware, self.lnc)
        check_hugepages(self.hardware, self.hugepages)
        if self.idle_hours is not None:
            check_idle(self.hardware, self.capacity.kind, self.idle_hours)
        _ = self.purchase
        return self


def check_efa(instance: Instance, efa: bool) -> None:
    if efa and not instance.efa_interfaces:
        sizes = [
            other.name
            for other in INSTANCES.values()
            if other.family == instance.family and other.efa_interfaces
        ]
        choice = " or ".join(sizes) or "a type that has one, such as trn1.32xlarge"
        raise wrong(
            "efa",
            True,
            f"{instance.name} has no EFA interface; set efa = false, or choose {choice}",
        )


def check_efa_layout(layout: str, efa: bool) -> None:
    if not efa:
        raise wrong(
            "efa_layout",
            layout,
            "the pool has no EFA interface to lay out; leave it out, or set efa = true",
        )


def check_lnc(instance: Instance, lnc: int | None) -> None:
    if lnc is None:
        return
    default = instance.chip.lnc if instance.chip else None
    if default is None:
        chips = dict.fromkeys(i.chip.name for i in INSTANCES.values() if i.chip and i.chip.lnc)
        raise wrong(
            "lnc",
            lnc,
            f"the NeuronCores of {instance.name} cannot be joined; leave it out: it is only for "
            f"{' and '.join(chips)}",
        )
    if lnc not in (1, default):
        raise wrong("lnc", lnc, f"{instance.name} takes 1 or {default}")


def check_hugepages(instance: Instance, pages: int) -> None:
    """Huge pages are nobody else's memory: the kernel, the kubelet and ordinary pods lack them."""
    most = int(instance.memory_gib * 512 / 2)
    if pages > most:
        raise wrong(
            "hugepages",
            pages,
            f"pages of 2 MiB are {pages / 512:.4g} GiB of the {instance.memory_gib:g} GiB of "
            f"{instance.name}; at most {most}, half of it, so that the node itself keeps memory",
        )


def check_idle(instance: Instance, kind: str, hours: int) -> None:
    """Whether a pool's accelerators can be seen to be idle, and its end would save something."""
    if not (instance.neuron or instance.nvidia):
        raise wrong(
            "idle_hours",
            hours,
            f"{instance.name} has no accelerator that is metered; leave it out: the autoscaler "
            "takes empty nodes above min_nodes after ten minutes",
        )
    if kind in ("reservation", "capacity-block"):
        raise wrong(
            "idle_hours",
            hours,
            f"a {kind} is paid whether nodes run or not, so that their end saves nothing; leave "
            "it out: an alarm tells of idle accelerators in any case",
        )
