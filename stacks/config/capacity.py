"""How a pool's nodes are bought, and everything that follows from it.

The one place that knows the four ways EC2 sells an instance. What it decides, a launch template
and a node group only write down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stacks.config.errors import wrong
from workloads.hardware import Instance

# EC2 user guide, "Capacity Blocks for ML": a block has at most 64 instances.
BLOCK_NODES = 64


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The placement group of the nodes: none, a new cluster group of the pool's own, or `name`."""

    kind: Literal["none", "new", "named"]
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What the launch template and the node group say."""

    capacity_type: str  # the node group's, of EKS
    market_type: str | None  # the launch template's InstanceMarketOptions; None: no such block
    reservation: str | None  # the launch template's CapacityReservationTarget
    placement: Placement
    min_nodes: int
    desired_nodes: int
    max_nodes: int


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One way of buying. `sold`: whether EC2 sells a type that way."""

    capacity_type: str
    market_type: str | None
    sold: Callable[[Instance], bool]
    reserved: bool  # needs the ID of a reservation
    placed: bool  # EFA nodes go into a new placement group


# Spot has no market type here: a node group of capacity type SPOT refuses one in its template.
# A placement group beside a Capacity Block, or beside a reservation that was not created in it,
# makes EC2 answer InsufficientInstanceCapacity although the reservation is idle.
_KINDS = {
    "on-demand": _Kind(
        capacity_type="ON_DEMAND",
        market_type=None,
        sold=lambda instance: instance.sold_on_demand,
        reserved=False,
        placed=True,
    ),
    "spot": _Kind(
        capacity_type="SPOT",
        market_type=None,
        sold=lambda instance: "spot" in instance.usage_classes,
        reserved=False,
        placed=True,
    ),
    "reservation": _Kind(
        capacity_type="ON_DEMAND",
        market_type=None,
        sold=lambda instance: "on-demand" in instance.usage_classes,
        reserved=True,
        placed=False,
    ),
    "capacity-block": _Kind(
        capacity_type="CAPACITY_BLOCK",
        market_type="capacity-block",
        sold=lambda instance: "capacity-block" in instance.usage_classes,
        reserved=True,
        placed=False,
    ),
}
KINDS = tuple(_KINDS)


def sold(instance: Instance) -> list[str]:
    """The kinds of capacity that EC2 sells a type as."""
    return [name for name, kind in _KINDS.items() if kind.sold(instance)]


def purchase(
    instance: Instance,
    *,
    kind: str,
    reservation: str | None,
    placement_group: str | None,
    efa: bool,
    min_nodes: int,
    max_nodes: int,
) -> Purchase:
    """Everything that follows from a pool's [pools.capacity].

    Raises an error whose sentence says what would be right, with its key below the pool.
    """
    _check_sold(instance, kind)
    _check_reservation(kind, reservation, placement_group)
    block = kind == "capacity-block"
    if block:
        _check_block(min_nodes, max_nodes)
    way = _KINDS[kind]
    if placement_group:
        placement = Placement(kind="named", name=placement_group)
    else:
        placement = Placement(kind="new" if efa and way.placed else "none")
    return Purchase(
        capacity_type=way.capacity_type,
        market_type=way.market_type,
        reservation=reservation,
        placement=placement,
        min_nodes=min_nodes,
        # A block that has not started yet has no node to give; _check_block has seen to it.
        desired_nodes=min_nodes,
        max_nodes=max_nodes,
    )


def _check_sold(instance: Instance, kind: str) -> None:
    if not _KINDS[kind].sold(instance):
        raise wrong(
            "capacity.kind",
            kind,
            f"AWS does not sell {instance.name} that way; choose one of "
            f"{', '.join(sold(instance))}",
        )


def _check_reservation(kind: str, reservation: str | None, placement_group: str | None) -> None:
    if _KINDS[kind].reserved and reservation is None:
        raise wrong(
            "capacity.reservation",
            None,
            f'is missing; kind = "{kind}" needs the ID of the reservation, '
            "such as cr-0123456789abcdef0",
        )
    if reservation is not None and not _KINDS[kind].reserved:
        raise wrong(
            "capacity.reservation",
            reservation,
            f'kind = "{kind}" takes none; leave it out, or set kind to "reservation" or '
            '"capacity-block"',
        )
    if placement_group is not None and kind != "reservation":
        raise wrong(
            "capacity.placement_group",
            placement_group,
            f'kind = "{kind}" takes none; leave it out: it is only for a reservation that was '
            "created in it",
        )


def _check_block(min_nodes: int, max_nodes: int) -> None:
    if min_nodes:
        raise wrong(
            "min_nodes",
            min_nodes,
            "a Capacity Block gives no node before it starts, and the node group would fail; "
            "leave min_nodes out, and scale the group up once the block has started",
        )
    if max_nodes > BLOCK_NODES:
        raise wrong(
            "max_nodes",
            max_nodes,
            f"a Capacity Block has at most {BLOCK_NODES} instances; lower it, and make a pool for "
            "each further block",
        )
