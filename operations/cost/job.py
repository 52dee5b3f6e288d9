"""What a job costs on a pool: its nodes and their disks for as long as it runs."""

import math
from dataclasses import dataclass
from typing import Any

from operations.cost import buying
from operations.cost.bill import HOURS_PER_MONTH, Total, service, total
from operations.cost.standing import root_volume_gb
from stacks.config import EnvironmentConfig, NodePoolConfig
from stacks.config.capacity import sold
from workloads.benchmark.cost import SECONDS_PER_HOUR, Rent, of_instances
from workloads.command import InputError
from workloads.prices import UnknownPrice

_HOURS_PER_DAY = 24
_YEARS = 10
_LONGEST = _YEARS * 366 * _HOURS_PER_DAY * SECONDS_PER_HOUR


@dataclass(frozen=True, kw_only=True)
class Bought:
    """The job on nodes bought one way; `cost` is at least that where a price in it is unknown."""

    kind: str
    chosen: bool
    cost: Total
    basis: str
    remark: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """So many nodes of a pool for so long."""

    pool: str
    instance_type: str
    nodes: int
    seconds: float
    how: str
    ways: tuple[Bought, ...]
    disks: str  # of the nodes, which every way pays for, and their price

    def to_json(self) -> dict[str, Any]:
        return {
            "pool": self.pool,
            "instance_type": self.instance_type,
            "nodes": self.nodes,
            "seconds": self.seconds,
            "how": self.how,
            "disks": self.disks,
            "ways": [
                {
                    "kind": way.kind,
                    "configured": way.chosen,
                    "usd": way.cost.usd if way.cost.usd or way.cost.complete else None,
                    "complete": way.cost.complete,
                    "basis": way.basis,
                    "remark": way.remark,
                }
                for way in self.ways
            ],
        }


def find_pool(config: EnvironmentConfig, name: str) -> NodePoolConfig:
    """The pool of that name; InputError."""
    for pool in config.pools:
        if pool.name == name:
            return pool
    names = ", ".join(pool.name for pool in config.pools) or "none"
    raise InputError(f"--pool {name} is no pool of the environment; its pools: {names}")


def check_nodes(pool: NodePoolConfig, nodes: int | None) -> int:
    """So many nodes, all of the pool's if nothing is said; InputError where it has fewer."""
    if nodes is not None and nodes > pool.max_nodes:
        raise InputError(
            f"--nodes {nodes} is more than the pool {pool.name} may have; its max_nodes is"
            f" {pool.max_nodes}"
        )
    return nodes or pool.max_nodes


def seconds(
    *, steps: int | None, seconds_per_step: float | None, tokens: float | None,
    tokens_per_second: float | None,
) -> tuple[float, str]:  # fmt: skip
    """How long a job runs, and from what that follows; InputError unless it is said once, and
    where nobody sees its end."""
    duration, how = _said(steps, seconds_per_step, tokens, tokens_per_second)
    if duration > _LONGEST:
        raise InputError(f"{how} take more than {_YEARS} years; look at the options again")
    return duration, how


def _said(
    steps: int | None, seconds_per_step: float | None, tokens: float | None,
    tokens_per_second: float | None,
) -> tuple[float, str]:  # fmt: skip
    if steps and seconds_per_step and (tokens, tokens_per_second) == (None, None):
        how = f"{steps:,} step{'s' if steps > 1 else ''} of {seconds_per_step:g} s"
        # no float holds every number of steps; what is too long may be less so
        return min(steps, _LONGEST / seconds_per_step + 1) * seconds_per_step, how
    if tokens and tokens_per_second and (steps, seconds_per_step) == (None, None):
        return tokens / tokens_per_second, (
            f"{tokens:,.0f} tokens at {tokens_per_second:,.10g} a second"
        )
    raise InputError(
        "say how long the job runs: --steps and --seconds-per-step, or --tokens and"
        " --tokens-per-second"
    )


def rent(pool: NodePoolConfig, kind: str, nodes: int, region: str) -> Rent:
    """What the nodes cost; UnknownPrice."""
    return of_instances(buying.find(kind, pool.instance_type, region), nodes)


def job(pool: NodePoolConfig, region: str, *, nodes: int, duration: float, how: str) -> Job:
    """The job on each kind of capacity that EC2 sells the pool's type as."""
    gb = root_volume_gb(pool.hardware) * nodes
    disk = service("gp3_gb_month", region)
    disks = disk.monthly(gb)
    disk_usd = None if disks is None else disks * duration / SECONDS_PER_HOUR / HOURS_PER_MONTH

    def bought(kind: str) -> Bought:
        chosen = kind == pool.capacity.kind
        try:
            of_nodes = rent(pool, kind, nodes, region)
        except UnknownPrice as error:
            nothing = total([None])
            return Bought(kind=kind, chosen=chosen, cost=nothing, basis=str(error), remark="")
        return Bought(
            kind=kind, chosen=chosen, cost=total([of_nodes.usd_for(duration), disk_usd]),
            basis=of_nodes.basis,
            remark=_remark(kind, of_nodes, duration),
        )  # fmt: skip

    return Job(
        pool=pool.name,
        instance_type=pool.instance_type,
        nodes=nodes,
        seconds=duration,
        how=how,
        ways=tuple(bought(kind) for kind in sold(pool.hardware)),
        disks=f"disks of {gb:,} GB: {disk.basis}",
    )


def _remark(kind: str, of_nodes: Rent, duration: float) -> str:
    """What is paid beyond the job's own time."""
    if kind == "reservation":
        return "the job's share; a reservation is paid from its creation to its end"
    if kind != "capacity-block":
        return ""
    # EC2 user guide, "Capacity Blocks for ML": a block is sold for whole days.
    days = math.ceil(duration / SECONDS_PER_HOUR / _HOURS_PER_DAY)
    usd = of_nodes.usd_for(days * _HOURS_PER_DAY * SECONDS_PER_HOUR)
    return (
        f"the job's share; a block is sold in whole days, {days} day{'s' if days > 1 else ''} of"
        f" these nodes for {usd:,.2f} USD"
    )
