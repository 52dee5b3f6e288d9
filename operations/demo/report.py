"""What one run of the demo did: as JSON, as a page with pictures, and as tables in the terminal."""

import base64
import dataclasses
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
from rich.console import Console
from rich.table import Table

from operations.demo import access, compilation
from operations.demo.pools import Pool, table_of
from operations.demo.questions import Answer
from operations.embedded.access import Decision
from operations.embedded.report import Report

BARS = " ▁▂▃▄▅▆▇█"
CURVE_WIDTH = 60


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training run, from its metrics: losses in nats per token."""

    model: str
    processes: int
    steps: int
    first_loss: float
    final_loss: float
    tokens: int
    tokens_per_second: float
    losses: tuple[float, ...]


DATA_PAGE = "data.html"  # the report of `prepare`, beside the demo's own


@dataclass(frozen=True, kw_only=True)
class DemoReport:
    """Everything the demo shows at its end."""

    date: str
    seconds: float
    step_seconds: dict[str, float]
    deployed: Report
    pools: tuple[Pool, ...]
    training: Training
    artefacts: tuple[compilation.Artefact, ...]
    answers: tuple[Answer, ...]
    access: tuple[Decision, ...]

    def write(self, folder: Path, *, loss_picture: bytes) -> None:
        """Write report.json, loss.png and report.html into `folder`."""
        facts: dict[str, Any] = dataclasses.asdict(self) | {"deployed": self.deployed.facts()}
        (folder / "report.json").write_text(json.dumps(facts, indent=2) + "\n")
        (folder / "loss.png").write_bytes(loss_picture)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
        )
        page = environment.get_template("report.html.j2").render(
            report={
                **facts,
                "data_page": DATA_PAGE,
                "loss_png": base64.b64encode(loss_picture).decode(),
                "longest": max(self.step_seconds.values()),
            },
            access=access.by_role(self.access),
        )
        (folder / "report.html").write_text(page)

    def show(self, console: Console) -> None:
        """Print the tables and the loss curve."""
        console.print(self.deployed.table())
        counts = self.deployed.counts
        console.print(
            f"{len(self.deployed.findings)} resources: {counts['verified']} verified,"
            f" {counts['declared']} declared, {counts['altered']} altered"
        )
        for remark in self.deployed.remarks:
            console.print(
                f"  {remark['status']}: {remark['stack']} {remark['type']}, {remark['reason']}",
                style="yellow",
            )
        absent = "; ".join(f"{kind}: {what}" for kind, what in self.deployed.caveats.items())
        console.print(f"verified as configuration only: {absent}", style="dim", highlight=False)
        console.print(table_of(self.pools))
        run = self.training
        console.print(f"\nloss {run.first_loss:.3f} → {run.final_loss:.3f} in {run.steps} steps")
        console.print(curve(run.losses, width=CURVE_WIDTH), highlight=False)
        console.print(compilation.table_of(self.artefacts))
        console.print(self._answer_table())
        console.print(access.table_of(self.access))

    def _answer_table(self) -> Table:
        table = Table("model", "backend", title="Answers through the gateway")
        for heading in ("prompt tokens", "answer tokens", "cost, USD", "first token, s"):
            table.add_column(heading, justify="right")
        for answer in self.answers:
            table.add_row(
                answer.model,
                answer.backend,
                str(answer.prompt_tokens),
                str(answer.completion_tokens),
                f"{answer.cost_usd:.8f}",
                f"{answer.seconds_to_first_token:.3f}",
            )
        return table


def read_training(metrics: str, *, model: str, processes: int) -> Training:
    """Summarise a run's metrics.jsonl; raises ValueError when it holds no step."""
    steps = [json.loads(line) for line in metrics.splitlines()]
    if not steps:
        raise ValueError("the run's metrics.jsonl holds no step")
    losses = tuple(step["loss"] for step in steps)
    return Training(
        model=model,
        processes=processes,
        steps=len(steps),
        first_loss=losses[0],
        final_loss=losses[-1],
        tokens=steps[-1]["tokens"],  # so far
        tokens_per_second=median(step["tokens_per_second"] for step in steps),
        losses=losses,
    )


def curve(values: Sequence[float], *, width: int) -> str:
    """A line of bars for a terminal, the highest value a full bar; averages when too many."""
    size = max(len(values) / width, 1)
    edges = [round(i * size) for i in range(min(len(values), width) + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges) if b > a]
    highest = max(means)
    return "".join(BARS[max(1, round(value / highest * (len(BARS) - 1)))] for value in means)
