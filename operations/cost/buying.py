"""The four ways to buy a pool's nodes, and what each costs at the pool's sizes."""

from dataclasses import dataclass

from operations.cost.bill import Rate, hourly, unknown
from stacks.config import NodePoolConfig
from stacks.config.capacity import KINDS, sold
from workloads.prices import PRICES, Price, UnknownPrice

# What is paid for is held whether a node runs or not, for as many nodes as the pool may have: the
# environment file does not say how many instances its reservation holds.
_HELD = ("reservation", "capacity-block")

_REMARKS = {
    "on-demand": "",
    "spot": "moves all the time, and EC2 may take a node back; never above on demand",
    "reservation": "paid whether a node runs or not, from its creation to its end; taken to hold "
    "max_nodes instances",
    "capacity-block": "paid in advance for all of its days, whether a node runs or not; taken to "
    "hold max_nodes instances",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to buy the nodes; `rate` None: EC2 does not sell the type that way."""

    kind: str
    chosen: bool  # the one that the environment file names
    rate: Rate | None
    idle: int  # instances that are paid for at min_nodes
    full: int  # and at max_nodes
    remark: str


def ways(pool: NodePoolConfig, region: str) -> list[Way]:
    """Every kind of capacity, the configured one among them."""
    offered = sold(pool.hardware)
    return [
        Way(
            kind=kind,
            chosen=kind == pool.capacity.kind,
            rate=_rate(kind, pool.instance_type, region) if kind in offered else None,
            idle=pool.max_nodes if kind in _HELD else pool.min_nodes,
            full=pool.max_nodes,
            remark=_remark(kind, pool.instance_type, region)
            if kind in offered
            else "EC2 does not sell the type that way",
        )
        for kind in KINDS
    ]


def chosen(pool: NodePoolConfig, region: str) -> Way:
    """The way the environment file names; loading it has seen to it that EC2 sells it."""
    [way] = [way for way in ways(pool, region) if way.chosen]
    return way


def find(kind: str, instance_type: str, region: str) -> Price:
    """The price of an instance bought that way; UnknownPrice. A reservation costs the on-demand
    rate (EC2 user guide, "On-Demand Capacity Reservation pricing and billing")."""
    if kind == "spot":
        return PRICES.find_spot(instance_type, region)
    return PRICES.find(instance_type, region, capacity_block=kind == "capacity-block")


def _remark(kind: str, instance_type: str, region: str) -> str:
    """What to know of a way; of Spot, how old its price is."""
    if kind != "spot":
        return _REMARKS[kind]
    try:
        seen = f"seen on {find(kind, instance_type, region).source.date}; "
    except UnknownPrice:
        seen = ""
    return seen + _REMARKS[kind]


def _rate(kind: str, instance_type: str, region: str) -> Rate:
    try:
        return hourly(find(kind, instance_type, region))
    except UnknownPrice as error:
        return unknown(error)
