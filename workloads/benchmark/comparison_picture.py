"""Costs of each group as bars, measured and published told apart."""

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from workloads.benchmark.comparison import Cost, Group, Row

MEASURED, PUBLISHED = "#0b6e99", "#c9d6df"


def draw(groups: Sequence[Group]) -> bytes:
    """A PNG with one scale for each group: groups did different work."""
    bars = [
        (
            group,
            [
                (_label(row, cost), cost.usd, row.measured)
                for row in group.rows
                for cost in row.costs
                if cost.usd is not None
            ],
        )
        for group in groups
    ]
    bars = [(group, rows) for group, rows in bars if rows]
    sizes = [len(rows) + 1 for _, rows in bars]
    figure = Figure(figsize=(10, 0.6 * sum(sizes) + 1), dpi=100, layout="constrained")
    panels = figure.subplots(len(bars), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axes, (group, rows) in zip(panels, bars, strict=True):
        places = range(len(rows), 0, -1)
        drawn = axes.barh(
            places,
            [usd for _, usd, _ in rows],
            color=[MEASURED if measured else PUBLISHED for _, _, measured in rows],
        )
        axes.bar_label(drawn, [f"{usd:,.2f}" for _, usd, _ in rows], padding=3, fontsize=8)
        axes.set_yticks(places, [label for label, _, _ in rows], fontsize=8)
        axes.set_title(f"{group.title}\n{group.unit}", fontsize=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.12)
    figure.suptitle("Dark: measured. Light: published by others. Costs are derived.", fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _label(row: Row, cost: Cost) -> str:
    return ", ".join(text for text in (f"{row.hardware}\n{row.date[:10]}", cost.bought) if text)
