"""Pools of any instance type, without an environment around them."""

import pytest

from stacks.config import NodePoolConfig
from stacks.config.capacity import sold
from workloads.hardware import INSTANCES

RESERVATION = "cr-0123456789abcdef0"


def _pool(instance_type, **settings):
    hardware = INSTANCES[instance_type]
    kind = sold(hardware)[0]
    needs_one = kind in ("reservation", "capacity-block")
    capacity = {"kind": kind, "reservation": RESERVATION if needs_one else None}
    defaults = {"name": "pool", "instance_type": instance_type, "max_nodes": 2}
    zone = next(iter(hardware.zones.values()))[0]
    return NodePoolConfig(**{**defaults, "zone": zone, "capacity": capacity, **settings})


@pytest.fixture(scope="session")
def pool_of():
    """Give a pool of a type, bought the first way that AWS sells it."""
    return _pool
