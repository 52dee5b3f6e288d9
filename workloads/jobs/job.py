"""One job: what runs, on how many nodes, with what of each. Nothing here knows who runs it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from workloads.command import InputError

# A pod of a gang is found as NAME-node-0-0.NAME, and Neuron's runtime resolves no name above 63
# characters: neuron-runtime/nrt-troubleshoot.rst of aws-neuron-sdk.
LONGEST_NAME = 26
SECRETS = "/run/job"
FETCHED = "/run/fetched"  # where `before` leaves what it brings; each pod's own
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a pod takes of a node that it shares with others."""

    cpus: int
    memory_gib: int
    devices: int = 0  # accelerator chips


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command, and where and how often it runs.

    A gang starts as a whole and is restarted as a whole; its pods know the first one's address. The
    pods of any other job are tasks, told apart by JOB_COMPLETION_INDEX and repeated one by one.

    InputError: a field that no runner could work with.
    """

    name: str
    image: str
    command: tuple[str, ...]  # of each pod; with `processes`, the arguments of Python in each
    before: tuple[str, ...] = ()  # what each pod runs first, and the command waits for
    gang: bool = False
    pods: int = 1
    at_once: int | None = None  # tasks that may run at a time; None: all
    processes: int | None = None  # that torchrun starts in each pod
    part: Part | None = None  # None: a pod has a node for itself, with all that is in it
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)  # to find it by, beside the usual ones
    secret: str | None = None  # a Secret whose keys are files under SECRETS
    first_decides: bool = False  # the first pod's success is the gang's; the others just serve it
    priority: str = "batch"  # or "training", which goes first
    retries: int = 3  # restarts of the gang, or repetitions of each task
    deadline_seconds: int = 24 * 3600  # of one attempt, from its start on
    grace_seconds: int = 120  # between SIGTERM and SIGKILL: what Spot gives

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.name) and len(self.name) <= LONGEST_NAME):
            raise InputError(
                f"{self.name!r} cannot name a job: take a lower-case letter, then letters, digits "
                f"and hyphens, {LONGEST_NAME} at most"
            )
        if self.gang and (self.part or self.at_once):
            raise InputError(f"{self.name}: the pods of a gang take whole nodes, all at once")
        if self.processes and not self.gang:
            raise InputError(f"{self.name}: torchrun joins the pods of a gang, not tasks")
