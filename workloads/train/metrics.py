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
    """One step: `tokens` since the run began, `seconds` of this step without saving."""

    step: int
    loss: float
    grad_norm: float
    learning_rate: float
    tokens: int
    tokens_per_second: float
    seconds: float


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
            stream.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
            stream.flush()
            os.fsync(stream.fileno())  # no checkpoint must outlive the rows before it

    def publish(self) -> None:
        """Bring the run's folder up to date, where that is elsewhere."""
        self._out.upload(self._file, FILE)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]


def _step(line: bytes) -> float:
    """A row's step; a line that was being written when the run was killed comes after all."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
