"""metrics.jsonl: one object per step, without gaps or repeats however often the run was resumed."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workloads.files import Folder, LocalFolder

FILE = "metrics.jsonl"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One step.

    Seconds are the mean of the steps reported together: on an accelerator the host knows no
    single step's. loss and grad_norm are None where they were no numbers; a figure that needs
    something unknown (a price, a peak) is left out.
    """

    step: int
    loss: float | None
    grad_norm: float | None
    learning_rate: float
    tokens: int  # since the run began
    tokens_per_second: float
    tokens_per_second_per_device: float
    seconds: float  # of this step without saving, data included
    data_seconds: float  # of them, reading the batch
    checkpoint_seconds: float  # stood still for the checkpoint before this step
    tokens_per_usd: float | None = None
    mfu: float | None = None  # share of the peak, 0 to 1
    skipped: bool = False

    def to_json(self) -> str:
        table = asdict(self)
        for name in ("tokens_per_usd", "mfu"):
            if table[name] is None:
                del table[name]
        return json.dumps(table, allow_nan=False)


class Metrics:
    """The file on this machine, appended to, and its copy in the run's folder."""

    def __init__(self, out: Folder, work: Path, *, resumed_step: int) -> None:
        """Continue after `resumed_step`; later rows are of steps that will be done again."""
        self._out = out
        self._file = work / FILE
        local = LocalFolder(work)
        lines = out.read(FILE).splitlines() if out.exists(FILE) else []
        kept = [line for line in lines if _step(line) <= resumed_step]
        local.write(FILE, b"".join(line + b"\n" for line in kept))

    def append(self, rows: list[Row]) -> None:
        with self._file.open("a") as stream:
            stream.writelines(row.to_json() + "\n" for row in rows)
            stream.flush()
            os.fsync(stream.fileno())  # no checkpoint must outlive the rows before it

    def publish(self) -> None:
        """Bring the run's folder up to date, where that is elsewhere."""
        if self._out.path is None:
            self._out.write(FILE, self._file.read_bytes())  # may grow meanwhile

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]


def _step(line: bytes) -> float:
    """A row's step; a line that was being written when the run was killed comes after all."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
