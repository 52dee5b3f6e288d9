"""What became of the text, as a page with pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from workloads.dataset import Dataset
from workloads.prepare import near
from workloads.prepare.executor import Phase
from workloads.prepare.quality import RULES

REPORT = "report.html"


@dataclass(frozen=True)
class Bar:
    """One bar of a picture; `share` of the longest."""

    name: str
    count: int
    share: float
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One length class of the histogram: characters up to `most`, rows read, documents kept."""

    most: int
    read: int
    kept: int


def render(dataset: Dataset, phases: Sequence[Phase], *, workers: int) -> bytes:
    """The page; times are those of this run, everything else is the manifest's."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    counts = dataset.counts
    return (
        pages.get_template("report.html.j2")
        .render(
            dataset=dataset,
            counts=counts,
            funnel=funnel(counts),
            filtered=bars(counts["filtered"], {rule.name: rule.source for rule in RULES}),
            personal=bars(counts["personal"]),
            quarantined=bars(counts["quarantined"]),
            duplicates=bars(counts["duplicates"]),
            columns=histogram(counts),
            recall=near.recall,
            phases=phases,
            rate=rate(dataset, phases),
            workers=workers,
        )
        .encode()
    )


def funnel(counts: dict[str, Any]) -> list[Bar]:
    """What is left after each step."""
    left = counts["rows"]
    steps = [("rows read", 0)]
    steps += [
        (f"after {name}", sum(counts[what].values()))
        for name, what in (("quarantine", "quarantined"), ("quality filters", "filtered"))
    ]
    steps += [
        ("after exact duplicates", counts["duplicates"]["exact"]),
        ("after near duplicates", counts["duplicates"]["near"]),
    ]
    found = []
    for name, lost in steps:
        left -= lost
        found.append(Bar(name, left, left / max(1, counts["rows"]), f"−{lost:,}" if lost else ""))
    return found


def bars(counts: dict[str, int], notes: dict[str, str] | None = None) -> list[Bar]:
    """One bar each, the longest first."""
    most = max(counts.values(), default=0)
    some = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        Bar(name, count, count / most, (notes or {}).get(name, "")) for name, count in some if count
    ]


def histogram(counts: dict[str, Any]) -> list[Column]:
    """Rows and documents by length; each class is twice as long as the one before."""
    read, kept = (
        {int(bits): number for bits, number in counts[name].items()}
        for name in ("lengths_read", "lengths_kept")
    )
    bits = read.keys() | kept.keys()
    return [
        Column(most=(1 << some) - 1, read=read.get(some, 0), kept=kept.get(some, 0))
        for some in range(min(bits, default=0), max(bits, default=-1) + 1)
    ]


def rate(dataset: Dataset, phases: Sequence[Phase]) -> float | None:
    """Tokens per second of the whole; None when some of the work had been done before."""
    if any(phase.ran < phase.tasks for phase in phases):
        return None
    return dataset.tokens / max(sum(phase.seconds for phase in phases), 1e-9)
