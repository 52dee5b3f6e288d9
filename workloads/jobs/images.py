"""The images that hold the project's own code, in the account's registry.

workloads/cpu.Dockerfile and workloads/neuron.Dockerfile say how they are built.
"""

from workloads.command import InputError
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

REPOSITORY = "workloads"


def image(pool: Pool) -> str:
    """The image for the pool's nodes. InputError: there is none for them, or no registry."""
    how = "give --image"
    if pool.registry is None:
        raise InputError(f"which registry has the image is not known; {how}")
    return f"{pool.registry}/{REPOSITORY}:{tag(pool)}"


def tag(pool: Pool) -> str:
    """cpu, or the Neuron SDK that the family trains with. InputError: no image is built for it."""
    if pool.hardware.chip is None:
        return "cpu"
    stack = VERSIONS.neuron.get(pool.hardware.family)
    use = stack.uses.get("train") if stack else None
    if not (stack and use and use.image):
        raise InputError(
            f"no training image is pinned for {pool.instance_type} in workloads/versions.toml; "
            "give --image"
        )
    return f"neuron-sdk{stack.sdk}"
