"""Latency and throughput by rate, as a picture."""

import io

from matplotlib.figure import Figure

from workloads.benchmark.serving import Result

COLOURS = {"p50": "#0b6e99", "p90": "#e39b2d", "p99": "#c0392b"}


def draw(result: Result) -> bytes:
    """A PNG: time to first token, whole answers, and output tokens per second, by offered rate.

    A percentile that falls among failed requests has no point.
    """
    figure = Figure(figsize=(11, 4), dpi=100, layout="constrained")
    first, whole, throughput = figure.subplots(1, 3)
    rates = sorted(result.rates, key=lambda rate: rate.offered_per_second)
    offered = [rate.offered_per_second for rate in rates]
    for axes, title, name in (
        (first, "time to first token, ms", "time_to_first_token_ms"),
        (whole, "whole answer, ms", "end_to_end_ms"),
    ):
        for percent, colour in COLOURS.items():
            values = [getattr(getattr(rate, name), percent) for rate in rates]
            numbers = [float("nan") if value is None else value for value in values]
            axes.plot(offered, numbers, marker="o", markersize=4, color=colour, label=percent)
        axes.set(title=title, yscale="log")
        axes.legend(frameon=False)
    tokens = [rate.output_tokens_per_second for rate in rates]
    throughput.plot(offered, tokens, marker="o", markersize=4, color=COLOURS["p50"])
    throughput.set(title="output tokens per second", ylim=(0, None))
    for axes in (first, whole, throughput):
        axes.set_xlabel("offered requests per second")
        axes.spines[["top", "right"]].set_visible(False)
        if result.knee is not None:
            axes.axvline(result.knee.offered_per_second, linestyle=":", color="grey")
    figure.suptitle(
        f"{result.load.model} on {result.hardware}, {result.begun[:10]}; dotted: the last rate"
        " kept up with",
        fontsize=10,
    )
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
