"""An estimate as a picture: the stacks idle and at full scale, and the ways to buy a node."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operations.cost.bill import Total
from operations.cost.estimate import Estimate
from operations.cost.table import amount

FORMATS = (".png", ".svg")
_DARK, _LIGHT = "#0b6e99", "#c9d6df"
_GAP = 0.6  # between the ways to buy one pool's nodes and the next pool's, in bars


def draw(of: Estimate, file: Path) -> None:
    """Write the picture; its format is the file name's ending. OSError: it cannot be written."""
    stacks = len(of.stacks) + 1.5
    bars = sum(way.rate is not None for _, ways in of.pools for way in ways)
    bought = bars + _GAP * len(of.pools) + 1 if bars else 0
    figure = Figure(figsize=(12, 0.34 * (stacks + bought) + 1.4), dpi=100, layout="constrained")
    grid = figure.add_gridspec(
        2 if bars else 1, 2, height_ratios=[stacks, bought] if bars else [stacks]
    )
    idle, full = (figure.add_subplot(grid[0, column]) for column in (0, 1))
    _stacks(idle, of, "idle: minimum sizes", _DARK, [of.idle(stack) for stack in of.stacks])
    _stacks(
        full,
        of,
        "full scale (own scale): maximum sizes",
        _LIGHT,
        [of.full(stack) for stack in of.stacks],
    )
    full.tick_params(labelleft=False)
    if bars:
        _ways(figure.add_subplot(grid[1, :]), of)
    figure.suptitle(
        f"{of.name} in {of.region}, USD a month at the prices known on {of.day}:"
        f" idle {amount(of.idle())}, full scale {amount(of.full())},\n"
        f"and {amount(of.used())} for the use assumed, which is not in the bars",
        fontsize=10,
    )
    figure.savefig(file, format=file.suffix.removeprefix("."))


def _stacks(axes: Axes, of: Estimate, title: str, colour: str, totals: Sequence[Total]) -> None:
    places = [float(place) for place in range(len(totals), 0, -1)]
    axes.barh(places, [total.usd for total in totals], color=colour, height=0.7)
    _label(axes, [t.usd for t in totals], places, [amount(t) for t in totals])
    axes.set_yticks(places, of.stacks, fontsize=8)
    axes.set_title(f"USD a month, {title}", fontsize=9, loc="left")


def _ways(axes: Axes, of: Estimate) -> None:
    places, labels, prices, colours = [], [], [], []
    place = 0.0
    for pool, ways in of.pools:
        for way in ways:
            if way.rate is not None:
                places.append(place)
                labels.append(f"{pool.name}, {pool.instance_type}: {way.kind}")
                prices.append(way.rate.usd)
                colours.append(_DARK if way.chosen else _LIGHT)
                place -= 1
        place -= _GAP
    lengths = [usd or 0.0 for usd in prices]
    axes.barh(places, lengths, color=colours, height=0.8)
    _label(axes, lengths, places, ["unknown" if usd is None else f"{usd:,.10g}" for usd in prices])
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_title("USD per node and hour; dark: as configured", fontsize=9, loc="left")


def _label(
    axes: Axes, lengths: Sequence[float], places: Sequence[float], texts: Sequence[str]
) -> None:
    """Each bar's amount behind its end, and nothing that the labels say already."""
    for length, place, text in zip(lengths, places, texts, strict=True):
        axes.annotate(
            text, (length, place), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=8,
        )  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.25)
    axes.set_xlim(left=0, right=None if any(lengths) else 1)
