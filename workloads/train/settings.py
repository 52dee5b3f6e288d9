"""What a training run was asked to do."""

from dataclasses import dataclass
from typing import Any

from workloads.command import InputError
from workloads.train.schedule import learning_rate

LASTING = ("model", "steps", "seed", "batch", "learning_rate", "warmup_steps")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The command's options; `batch` counts sequences over all processes."""

    data: str
    out: str
    model: str
    steps: int
    seed: int
    batch: int
    micro_batch: int  # sequences a process computes at once; 0: all its share
    learning_rate: float
    warmup_steps: int
    checkpoint_every: int
    keep: int  # newest checkpoints; 0: all
    grace: float  # seconds from SIGTERM to the end
    nan_skip: int  # steps that may be left out
    usd_per_hour: float  # of all machines together; 0: unknown
    cloudwatch: str  # metrics go to the namespace Training/NAME; "": nowhere
    device: str

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise InputError(f"--learning-rate {self.learning_rate} is not above 0")
        if not self.grace >= 0:
            raise InputError(f"--grace {self.grace} is not a number of seconds from 0 up")
        if not self.usd_per_hour >= 0:
            raise InputError(f"--usd-per-hour {self.usd_per_hour} is not a price from 0 up")

    @property
    def lasting(self) -> dict[str, Any]:
        """What the loss depends on: a resumed run must share it."""
        return {name: getattr(self, name) for name in LASTING}

    def rate(self, step: int) -> float:
        return learning_rate(
            step, peak=self.learning_rate, warmup_steps=self.warmup_steps, steps=self.steps
        )

    def shares(self, processes: int) -> tuple[int, int]:
        """How many micro-batches each process computes in a step, and of how many sequences.

        The batch stays what it is whatever the number of processes; InputError if it cannot.
        """
        size = self.micro_batch or max(1, self.batch // processes)
        if self.batch % (processes * size):
            each = f" x {size} at once" if self.micro_batch else ""
            raise InputError(
                f"--batch {self.batch} sequences cannot be divided among {processes} processes"
                f"{each}; give a multiple of {processes * size}"
            )
        return self.batch // (processes * size), size
