"""An estimate as a picture: the stacks idle and at full scale, and the ways to buy a node."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operations.cost.estimate import Estimate
from operations.cost.table import amount

FORMATS = (".png", ".svg")
_IDLE, _FULL, _CONFIGURED, _OTHER = "#0b6e99", "#c9d6df", "#0b6e99", "#c9d6df"


def draw(of: Estimate, file: Path) -> None:
    """Write the picture; its format is the file name's ending. OSError: it cannot be written."""
    stacks = len(of.stacks)
    bought = sum(way.rate is not None for _, ways in of.pools for way in ways)
    sizes = [stacks + 1, *([bought + 1] if bought else [])]
    figure = Figure(figsize=(11, 0.45 * sum(sizes) + 1.6), dpi=100, layout="constrained")
    panels = figure.subplots(len(sizes), 1, squeeze=False, height_ratios=sizes)[:, 0]
    _stacks(panels[0], of)
    if bought:
        _ways(panels[1], of)
    figure.suptitle(
        f"{of.name} in {of.region}, prices known on {of.day}: idle {amount(of.idle())} USD a"
        f" month, full scale {amount(of.full())}",
        fontsize=10,
    )
    figure.savefig(file, format=file.suffix.removeprefix("."))


def _stacks(axes: Axes, of: Estimate) -> None:
    places = list(range(len(of.stacks), 0, -1))
    for label, colour, height, totals in (
        ("full scale", _FULL, 0.8, [of.full(stack) for stack in of.stacks]),
        ("idle", _IDLE, 0.4, [of.idle(stack) for stack in of.stacks]),
    ):
        axes.barh(places, [t.usd for t in totals], color=colour, height=height, label=label)
    for place, stack in zip(places, of.stacks, strict=True):
        idle, full = of.idle(stack), of.full(stack)
        text = f"{amount(idle)} to {amount(full)}" if idle.usd != full.usd else amount(full)
        axes.annotate(
            text, (full.usd, place), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=8,
        )  # fmt: skip
    axes.set_yticks(places, of.stacks, fontsize=8)
    axes.set_title("USD a month by stack, without what is paid by use", fontsize=9, loc="left")
    axes.legend(fontsize=8, loc="lower right")
    _tidy(axes)


def _ways(axes: Axes, of: Estimate) -> None:
    rows = [
        (f"{pool.name}, {pool.instance_type}\n{way.kind}", way.rate.usd, way.chosen)
        for pool, ways in of.pools
        for way in ways
        if way.rate is not None
    ]
    places = list(range(len(rows), 0, -1))
    axes.barh(
        places,
        [usd or 0 for _, usd, _ in rows],
        color=[_CONFIGURED if chosen else _OTHER for _, _, chosen in rows],
    )
    for place, (_, usd, _) in zip(places, rows, strict=True):
        text = "unknown" if usd is None else f"{usd:,.10g}"
        axes.annotate(
            text, (usd or 0, place), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=8,
        )  # fmt: skip
    axes.set_yticks(places, [label for label, _, _ in rows], fontsize=7)
    axes.set_title("USD per node and hour; dark: as configured", fontsize=9, loc="left")
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2)
