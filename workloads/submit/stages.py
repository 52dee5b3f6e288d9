"""What each stage's job is: how it is started on its pods, and how often it is tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workloads.command import InputError
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool

ACCEPTANCE = {"stage": "acceptance"}  # the label of such a test
_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asks for; None: the stage's own choice."""

    name: str
    image: str
    arguments: tuple[str, ...] = ()  # the stage's own
    nodes: int = 1
    processes: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    retries: int | None = None
    hours: float | None = None

    def job(self, *command: str, hours: float, retries: int, **fields: object) -> Job:
        return Job(
            name=self.name,
            image=self.image,
            command=command,
            pods=self.nodes,
            environment=self.environment,
            retries=retries if self.retries is None else self.retries,
            deadline_seconds=int(_HOUR * (hours if self.hours is None else self.hours)),
            **fields,  # type: ignore[arg-type]
        )


def train(wish: Wish, pool: Pool) -> Job:
    """A process for each core or GPU of every node, which torchrun joins.

    The run tells the alarms of the pool's environment, unless its own --cloudwatch says otherwise:
    of two the later counts.
    """
    told = ("--cloudwatch", pool.cloudwatch) if pool.cloudwatch else ()
    return wish.job(
        "-m", "workloads.train", "--device", pool.device, *told, *wish.arguments,
        gang=True, processes=wish.processes or pool.processes, priority="training",
        retries=10,  # each goes on from the last checkpoint
        hours=7 * 24,
    )  # fmt: skip


def prepare(wish: Wish, _: Pool) -> Job:
    """A share of the work on each node; the shares meet in --out."""
    shares = ("--of", str(wish.nodes)) if wish.nodes > 1 else ()
    command = ("python", "-m", "workloads.prepare", *wish.arguments, *shares)
    return wish.job(*command, retries=3, hours=24)


def export(wish: Wish, _: Pool) -> Job:
    if wish.nodes > 1:
        raise InputError(f"export runs on one node, not on {wish.nodes}")
    return wish.job("python", "-m", "workloads.export", *wish.arguments, retries=3, hours=4)


def acceptance(wish: Wish, pool: Pool) -> Job:
    """Every device of every node, and the fabric between them; tried once, as it is a test."""
    hardware = pool.hardware
    if not hardware.neuron:
        raise InputError(
            f"acceptance tests Neuron devices, and {pool.instance_type} of pool {pool.name} has "
            "none"
        )
    if wish.nodes > 1 and not pool.efa:
        raise InputError(
            f"the nodes of pool {pool.name} have no fabric between them (no EFA): test one, with "
            "--nodes 1"
        )
    command = (
        "python", "-m", "workloads.acceptance", "--nodes", str(wish.nodes),
        "--instance-type", pool.instance_type, "--ranks", str(pool.processes), *wish.arguments,
    )  # fmt: skip
    secret = wish.name if wish.nodes > 1 else None
    return wish.job(
        *command, gang=True, first_decides=True, labels=ACCEPTANCE, secret=secret,
        priority="training", retries=0, hours=1,
    )  # fmt: skip


STAGES: dict[str, Callable[[Wish, Pool], Job]] = {
    "prepare": prepare,
    "train": train,
    "export": export,
    "acceptance": acceptance,
}
