"""The loss curve as a picture."""

import io
import math
from typing import Any

from workloads.command import StageError


def draw_loss(rows: list[dict[str, Any]], *, title: str, vocabulary: int) -> bytes:
    """A PNG of loss by step, with the loss of guessing among all tokens for comparison."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise StageError("matplotlib is not installed, so there is no loss.png") from None

    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in rows]
    axes.plot(steps, [row["loss"] for row in rows], linewidth=1.5, color="#0b6e99")
    guess = math.log(vocabulary)
    axes.axhline(guess, linestyle=":", color="grey")
    axes.annotate(
        f"guessing among {vocabulary:,} tokens", (steps[-1], guess), color="grey",
        horizontalalignment="right", verticalalignment="bottom",
    )  # fmt: skip
    last = rows[-1]["loss"]
    axes.annotate(
        f"{last:.2f}", (steps[-1], last), xytext=(4, 6), textcoords="offset points",
        horizontalalignment="right",
    )  # fmt: skip
    axes.set(title=title, xlabel="step", ylabel="loss (nats per token)", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
