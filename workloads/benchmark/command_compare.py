"""Trainium and Inferentia against NVIDIA, Bedrock and CPUs, published figures and own results.

Each table holds one shape of work only; every row says whether it was measured, where and when, or
published, by whom and with which software. Costs are derived, and each says how. Published
figures come from published.toml, prices from prices.json. Writes comparison.png.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from workloads.benchmark.comparison import (
    Group,
    Row,
    measured_groups,
    published_groups,
    unmeasured,
)
from workloads.benchmark.comparison_picture import draw
from workloads.benchmark.published import PUBLISHED
from workloads.command import InputError
from workloads.files import open_folder
from workloads.hardware import REGIONS

_WIDTH = 120  # of a table that nobody's terminal cuts


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--measured", type=Path, nargs="+", default=[], metavar="FILE",
        help="what serve and train of this command wrote: result.json, training.json")  # fmt: skip
    add("--region", default="us-east-2", metavar="R", help="of the prices (%(default)s)")
    add("--out", default="benchmark", metavar="URI", help="a folder or s3:// (%(default)s)")


def work(
    options: argparse.Namespace, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    if options.region not in REGIONS:
        raise InputError(
            f"--region {options.region} is none of the regions of hardware.json;"
            " give one such as us-east-2"
        )
    out = open_folder(options.out)
    groups = [group for file in options.measured for group in _read(file)]
    groups += published_groups(PUBLISHED, region=options.region)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for group in groups:
        console.print(_table(group))
        for number, row in enumerate(group.rows, 1):
            console.print(_footnote(number, row), markup=False, soft_wrap=True, style="dim")
        console.print()
    for sentence in unmeasured(PUBLISHED, region=options.region):
        console.print(f"no figures  {sentence}", markup=False, soft_wrap=True, style="dim")
    console.print(
        "Rows of different tables did different work: their tokens and costs do not compare.\n"
        "A saturated server keeps no latency promise; at a lower load each token costs more.",
        markup=False,
    )
    out.write("comparison.png", draw(groups))


def _read(file: Path) -> list[Group]:
    try:
        return measured_groups([(str(file), json.loads(file.read_text("utf-8")))])
    except OSError as error:
        raise InputError(f"--measured {file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"--measured {file} is no result of python -m workloads.benchmark serve or train"
        ) from None


def _table(group: Group) -> Table:
    table = Table(
        title=group.title, caption=f"cost: {group.unit}", box=box.SIMPLE,
        title_justify="left", caption_justify="left",
    )  # fmt: skip
    table.add_column("")
    table.add_column("origin")
    table.add_column("hardware")
    table.add_column("precision")
    table.add_column(f"{group.counts}/s", justify="right")
    table.add_column("cost", justify="right")
    for number, row in enumerate(group.rows, 1):
        rate = row.per_second
        table.add_row(
            str(number),
            "measured" if row.measured else "published",
            row.hardware,
            row.precision,
            "-" if rate is None else f"{rate:,.1f}",
            "\n".join(_cost(row)) or "no price given",
        )
    return table


def _cost(row: Row) -> list[str]:
    return [
        "unknown" if cost.usd is None else f"{cost.usd:,.2f} {cost.bought}".rstrip()
        for cost in row.costs
    ]


def _footnote(number: int, row: Row) -> str:
    kind = "measured" if row.measured else "published"
    lines = [f"{number}  {row.model}; {row.details}", f"   {kind} {row.date}, {row.source}"]
    lines += [f"   cost: {cost.how}" for cost in row.costs]
    if row.note:
        lines.append(f"   note: {row.note}")
    return "\n".join(lines)
