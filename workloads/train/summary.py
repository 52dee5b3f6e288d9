"""What a run is when it begins and what it was when it ends."""

import time
from typing import Any

from rich.console import Console
from rich.table import Table

from workloads.command import StageError, progress
from workloads.dataset import Dataset
from workloads.files import Folder
from workloads.train.attempts import Attempts
from workloads.train.backend import Backend
from workloads.train.flops import FORMULA
from workloads.train.metrics import Metrics
from workloads.train.picture import draw_loss
from workloads.train.recorder import Work
from workloads.train.settings import Settings


def introduce(
    settings: Settings, backend: Backend, parameters: int, work: Work, *, step: int
) -> None:
    """Model, devices and yardstick."""
    begun = f"continues after step {step}" if step else "begins"
    progress(
        f"{settings.model} with {parameters:,} parameters on {work.devices}"
        f" x {backend.device.type} {begun}"
    )
    if work.peak is not None:
        progress(
            f"MFU: {work.flops_per_token:,} floating-point operations a token ({FORMULA}) against"
            f" {work.devices} x {work.peak.tflops:.4g} TFLOPS ({work.peak.what})"
        )


def finish(
    out: Folder,
    metrics: Metrics,
    attempts: Attempts,
    *,
    title: str,
    dataset: Dataset,
    work: Work,
) -> None:
    """The picture, the table, and the run in one line."""
    rows = metrics.rows()
    restarts = [row["step"] for row in attempts.rows[1:]]
    try:
        picture = draw_loss(rows, restarts, title=title, vocabulary=dataset.vocabulary)
        out.write("loss.png", picture)
    except StageError as error:
        progress(f"warning: {error}")
    table = Table("", "", title=title, show_header=False)
    for name, value in facts(rows, work, began=attempts.began, restarts=len(restarts)).items():
        table.add_row(name, value)
    Console(highlight=False).print(table)
    first, last = rows[0], rows[-1]
    print(
        f"{len(rows)} steps, loss {_loss(first)} to {_loss(last)}, {last['tokens']:,} tokens"
        f" in {sum(row['seconds'] for row in rows):.0f} s, in {out.uri}",
        flush=True,
    )


def facts(rows: list[dict[str, Any]], work: Work, *, began: float, restarts: int) -> dict[str, str]:
    """The table's lines. Goodput is the time of the steps that were kept, over the time since the
    run was first started: saving, lost steps and lying still are what is missing from 1."""
    seconds = sum(row["seconds"] for row in rows)
    data = sum(row["data_seconds"] for row in rows)
    saving = sum(row["checkpoint_seconds"] for row in rows)
    rate = rows[-1]["tokens"] / seconds
    lines = {
        "tokens per second": f"{rate:,.0f}",
        "tokens per second and device": f"{rate / work.devices:,.0f}",
        "seconds per step": f"{seconds / len(rows):.4f}",
        "of them reading data": f"{data / seconds:.1%}",
        "stood still for checkpoints": f"{saving:.1f} s",
        "restarts": f"{restarts}",
        "steps left out": f"{sum(row['skipped'] for row in rows)}",
        "goodput": f"{seconds / (time.time() - began):.1%}",
    }
    if work.usd_per_hour:
        lines["tokens per US dollar"] = f"{rate * 3600 / work.usd_per_hour:,.0f}"
    if work.peak is not None and work.peak_flops:
        mfu = rate * work.flops_per_token / work.peak_flops
        lines["MFU"] = f"{mfu:.1%} of {work.devices} x {work.peak.tflops:.4g} TFLOPS"
        lines["peak"] = work.peak.what
    return lines


def _loss(row: dict[str, Any]) -> str:
    return "nan" if row["loss"] is None else f"{row['loss']:.2f}"
