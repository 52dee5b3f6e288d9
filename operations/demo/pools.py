"""What the pools of an environment are, and what a node of each offers to Kubernetes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.table import Table

from stacks.config import NodePoolConfig


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One pool by its configuration and the hardware table; no node of it exists."""

    name: str
    instance_type: str
    zone: str
    capacity: str  # how it is bought, as the environment file says it
    min_nodes: int
    max_nodes: int
    offers: Mapping[str, int]  # Kubernetes resources of one node, by name


def pools_of(configs: Iterable[NodePoolConfig]) -> tuple[Pool, ...]:
    return tuple(
        Pool(
            name=pool.name,
            instance_type=pool.instance_type,
            zone=pool.zone,
            capacity=pool.capacity.kind,
            min_nodes=pool.purchase.min_nodes,
            max_nodes=pool.purchase.max_nodes,
            offers={"cpu": pool.hardware.vcpus}
            | pool.hardware.kubernetes_resources(pool.lnc, efa=pool.efa),
        )
        for pool in configs
    )


def table_of(pools: Iterable[Pool]) -> Table:
    """One row for each pool."""
    table = Table("pool", "type", "capacity", "nodes", "one node offers", title="Node pools")
    for pool in pools:
        offers = ", ".join(f"{count} {name}" for name, count in pool.offers.items())
        nodes = f"{pool.min_nodes} to {pool.max_nodes}"
        table.add_row(pool.name, pool.instance_type, pool.capacity, nodes, offers)
    return table
