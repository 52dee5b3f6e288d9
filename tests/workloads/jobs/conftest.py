import pytest

from workloads.hardware import INSTANCES
from workloads.jobs.pool import Pool

ALLOCATORS = ("device-plugin", "dra")


def pools():
    """A pool of each type with each allocator that its chip takes."""
    for name, hardware in INSTANCES.items():
        neuron = hardware.neuron and hardware.chip.dra
        for allocator in ALLOCATORS if neuron else ALLOCATORS[:1]:
            yield Pool(
                name=hardware.family,
                instance_type=name,
                max_nodes=4,
                efa=bool(hardware.efa_interfaces),
                allocator=allocator,
            )


@pytest.fixture(scope="session")
def every_pool():
    return list(pools())
