"""Each compilation as a job that the cluster runs: image, command, what it asks for, and why.

Asked for is memory of the host, where the compilers run; none of it was measured by this project:

- An 8B decoder (16 GB of weights) is killed for memory on a host of 32 GiB while its graph is
  traced: aws-neuron-sdk#1222. Hence four times the weights, and 16 GiB for the compilers.
- "30-60 minutes for large models": optimum-neuron, guides/cache_system.mdx. Hence a limit of 3 h.
- 8 graphs at a time, the default of vLLM's Neuron plugin: cpu_compilation.md of aws-neuron-sdk. The
  CPUs asked for are as many.
"""

import math
from dataclasses import replace

from workloads.artefacts.key import Key
from workloads.artefacts.model import Model
from workloads.artefacts.toolchain import Toolchain, instance_of
from workloads.command import InputError
from workloads.hardware import INSTANCES
from workloads.jobs.environment import command as torchrun
from workloads.jobs.images import compiling_image, training_image
from workloads.jobs.job import Job, Part
from workloads.jobs.pool import Pool

# The interpreter of our own code in workloads/compile/Dockerfile, and that of Neuron's packages.
RUN = ("/opt/project/bin/python", "-m", "workloads.compile", "run", "--python", "python")
WORKERS = 8
COMPILERS_GIB = 16
WEIGHTS_TIMES = 4
DEADLINE_SECONDS = 3 * 3600
COLLECT_SECONDS = 1800
COLLECT_STEPS = 2  # the first one makes the optimizer's state, the second is like all others
# A queue of graphs has no weights to go by. On the 32 GiB of trn1.2xlarge the compilers of a small
# fine-tuning's graphs are killed, and pass at a second try: aws-neuron-sdk, finetune_hftrainer.rst.
QUEUE_GIB = 48


def serving_gib(model: Model) -> int:
    """What compiling this model for serving asks for."""
    return COMPILERS_GIB + math.ceil(WEIGHTS_TIMES * model.size / 2**30)


def check_room(pool_type: str, part: Part) -> None:
    """InputError: a node of this type has not what a compilation asks for; names one that has."""
    room = INSTANCES.get(pool_type)
    if room is None:
        raise InputError(f"{pool_type!r} is no known instance type")
    if part.cpus < room.vcpus and part.memory_gib < room.memory_gib * 0.9:  # the kubelet's share
        return
    enough = sorted(
        (each.memory_gib, name)
        for name, each in INSTANCES.items()
        if each.family == room.family
        and part.cpus < each.vcpus
        and part.memory_gib < each.memory_gib * 0.9
    )
    instead = f"; {enough[0][1]} would do" if enough else "; take a family with more memory"
    raise InputError(
        f"{pool_type} has {room.vcpus} vCPUs and {room.memory_gib:g} GiB, and this compilation asks"
        f" for {part.cpus} and {part.memory_gib} GiB{instead}"
    )


def compile_job(
    key: Key, tools: Toolchain, arguments: tuple[str, ...], *, memory_gib: int, pods: int = 1
) -> Job:
    """Compile a model to serve, or the collected graphs of a training program and seal them.

    `arguments` are those of `run`; `pods` share the graphs. For any pool of CPUs.
    """
    return Job(
        name=f"compile-{key.digest[:12]}",
        image=compiling_image(tools.image).name,
        command=(*RUN, *arguments),
        pods=pods,
        part=Part(cpus=WORKERS, memory_gib=memory_gib),
        retries=1,  # what the compiler refuses it refuses again
        deadline_seconds=DEADLINE_SECONDS,
    )


def collect_job(
    key: Key,
    tools: Toolchain,
    instance: str,
    *,
    nodes: int,
    cache: str,
    options: tuple[str, ...],
) -> Job:
    """Collect the graphs of a training program on the gang that will train: nothing is compiled.

    Tracing needs the devices (aws-neuron-sdk#910) and as many ranks as there will be; it takes
    minutes. The program runs with NEURON_EXTRACT_GRAPHS_ONLY=1: what it computes is zeros, so that
    it must keep nothing.
    """
    hardware = instance_of(instance)
    pool = Pool(name="gang", instance_type=hardware.name)
    program = Job(
        name=f"collect-{key.digest[:12]}",
        image=training_image(tools.sdk, tools.image).name,
        command=(
            *("-m", "workloads.train", "--device", pool.device),
            *(*options, "--steps", str(COLLECT_STEPS)),
        ),
        gang=True,
        pods=nodes,
        processes=pool.processes,
        environment=graphs_environment(key, cache),
        priority="training",
        retries=1,
        deadline_seconds=COLLECT_SECONDS,
    )
    collecting = ("neuron_parallel_compile", "--command", "collect", *torchrun(program))
    return replace(program, processes=None, command=collecting)


def graphs_environment(key: Key, cache: str) -> dict[str, str]:
    """Where graphs go, and one more try for who is killed: pytorch-neuron-parallel-compile.rst."""
    told = {
        "NEURON_COMPILE_CACHE_URL": f"{cache.rstrip('/')}/{key.name}",
        "NEURON_PARALLEL_COMPILE_MAX_RETRIES": "1",
    }
    return told | ({"NEURON_CC_FLAGS": " ".join(key.flags)} if key.flags else {})
