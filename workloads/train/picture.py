"""The loss curve as a picture."""

import io
import math
from collections.abc import Sequence
from typing import Any

from workloads.command import StageError


def draw_loss(
    rows: list[dict[str, Any]], restarts: Sequence[int], *, title: str, vocabulary: int
) -> bytes:
    """A PNG of loss by step, with the loss of guessing among all tokens for comparison.

    `restarts`: the steps after which the run was continued; a line stands at each.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise StageError("matplotlib is not installed, so there is no loss.png") from None

    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in rows]
    losses = [math.nan if row["loss"] is None else row["loss"] for row in rows]  # a gap
    axes.plot(steps, losses, linewidth=1.5, color="#0b6e99")
    for i, step in enumerate(restarts):
        axes.axvline(
            step, linestyle="--", linewidth=1, color="#d1495b", label=None if i else "restarted"
        )
    if restarts:
        axes.legend(frameon=False)
    guess = math.log(vocabulary)
    axes.axhline(guess, linestyle=":", color="grey")
    axes.annotate(
        f"guessing among {vocabulary:,} tokens", (steps[-1], guess), color="grey",
        horizontalalignment="right", verticalalignment="bottom",
    )  # fmt: skip
    axes.annotate(
        f"{losses[-1]:.2f}", (steps[-1], losses[-1]), xytext=(4, 6), textcoords="offset points",
        horizontalalignment="right",
    )  # fmt: skip
    axes.set(title=title, xlabel="step", ylabel="loss (nats per token)", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
