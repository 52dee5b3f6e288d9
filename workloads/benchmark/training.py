"""What a training run did per second and per dollar, from its metrics.jsonl."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workloads.benchmark.cost import Rent
from workloads.command import InputError
from workloads.files import Folder

METRICS = "metrics.jsonl"
BILLION = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Of the steps after the warm-up; `mfu` is a share of the peak, 0 to 1."""

    steps: int
    skipped_steps: int  # the warm-up's
    tokens: int
    seconds: float  # checkpoints included
    checkpoint_seconds: float
    tokens_per_second: float  # checkpoints included: what the money buys
    step_tokens_per_second: float  # without them
    mfu: float | None  # of the steps, weighted by their seconds; None if any lacks it


def read_rows(run: Folder) -> list[dict[str, Any]]:
    """The rows of a run. InputError if there is no such file or it is none of train's."""
    if not run.exists(METRICS):
        raise InputError(f"{run.uri} has no {METRICS}; give the folder that train wrote to")
    rows = []
    for number, line in enumerate(run.read(METRICS).splitlines(), 1):
        try:
            row = json.loads(line)
            row["step"], row["tokens"], row["seconds"]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{run.uri}/{METRICS} line {number} is no step of train's") from None
        rows.append(row)
    return rows


def throughput(rows: Sequence[dict[str, Any]], *, warmup: int) -> Throughput:
    """The figures of all steps but the first `warmup`. InputError if none is left."""
    measured = rows[warmup:]
    if not measured:
        raise InputError(f"the run has {len(rows)} steps; --warmup-steps {warmup} leaves none")
    before = rows[warmup - 1]["tokens"] if warmup else 0
    tokens = measured[-1]["tokens"] - before
    steps = sum(row["seconds"] for row in measured)
    checkpoints = sum(row.get("checkpoint_seconds") or 0 for row in measured)
    shares = [row.get("mfu") for row in measured]
    return Throughput(
        steps=len(measured),
        skipped_steps=warmup,
        tokens=tokens,
        seconds=steps + checkpoints,
        checkpoint_seconds=checkpoints,
        tokens_per_second=tokens / (steps + checkpoints),
        step_tokens_per_second=tokens / steps,
        mfu=None if None in shares else _weighted(measured, steps),
    )


def _weighted(rows: Sequence[dict[str, Any]], seconds: float) -> float:
    weighted: float = sum(row["mfu"] * row["seconds"] for row in rows)
    return weighted / seconds


@dataclass(frozen=True, kw_only=True)
class Training:
    """A run's figures with what they rest on."""

    run: str
    hardware: str
    software: str
    model: str
    read: str
    command: Sequence[str]
    rent: Rent | None
    figures: Throughput

    @property
    def usd_per_billion_tokens(self) -> float | None:
        if self.rent is None:
            return None
        return self.rent.usd_per_tokens(BILLION, self.figures.tokens_per_second)

    def to_json(self) -> bytes:
        table = {
            "kind": "training",
            "measured": {"begun": self.read, "hardware": self.hardware, "software": self.software},
            "command": self.command,
            "run": self.run,
            "model": self.model,
            "rent": self.rent and self.rent.to_json(),
            "figures": asdict(self.figures),
            "usd_per_billion_tokens": self.usd_per_billion_tokens,
        }
        return json.dumps(table, indent=1, allow_nan=False).encode() + b"\n"
