"""Results as tables for a terminal."""

from rich import box
from rich.table import Table

from workloads.benchmark.figures import Percentiles
from workloads.benchmark.serving import Result


def serving_table(result: Result) -> Table:
    """One row for each rate; the cost only where there is a price."""
    table = Table(
        title=f"{result.load.model} at {result.load.url}, on {result.hardware}",
        caption=_caption(result),
        box=box.SIMPLE,
        title_justify="left",
        caption_justify="left",
    )
    for name in ("offered req/s", "answered req/s", "sent", "failed", "output tokens/s"):
        table.add_column(name, justify="right")
    for name in ("first token, ms", "between, ms", "whole, ms"):
        table.add_column(name, justify="right")
    if result.rent:
        table.add_column("USD per M output tokens", justify="right")
    for rate in result.rates:
        failed = ", ".join(f"{count} {kind}" for kind, count in sorted(rate.failures.items()))
        cells = [
            f"{rate.offered_per_second:g}{'' if rate.sustained else ' !'}",
            f"{rate.answered_per_second:.2f}",
            f"{rate.requests}",
            failed or "0",
            f"{rate.output_tokens_per_second:,.1f}",
            _percentiles(rate.time_to_first_token_ms),
            _percentiles(rate.inter_token_ms),
            _percentiles(rate.end_to_end_ms),
        ]
        if result.rent:
            cost = result.cost(rate)
            cells.append("-" if cost is None else f"{cost:,.2f}")
        table.add_row(*cells, style=None if rate.sustained else "yellow")
    return table


def _percentiles(values: Percentiles) -> str:
    """p50 / p90 / p99 and of how many."""
    shown = " / ".join(
        ("failed" if values.samples else "-") if value is None else _milliseconds(value)
        for value in (values.p50, values.p90, values.p99)
    )
    return f"{shown} ({values.samples})"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _caption(result: Result) -> str:
    load = result.load
    lines = [
        "p50 / p90 / p99 (samples). Latency counts from the moment a request was due, and a failed"
        " request as slower than all others; a p99 of fewer than 100 samples is about the slowest.",
        f"{load.arrivals} arrivals, {load.prompts}, {load.seconds:g} s after {load.warmup:g} s of"
        f" warm-up for each rate, seed {load.seed}; begun {result.begun}.",
    ]
    knee = result.knee
    if knee is None:
        lines.append("! The server kept up with none of these rates.")
    elif knee is not max(result.rates, key=lambda rate: rate.offered_per_second):
        lines.append(
            f"! Not kept up with. The highest rate before that: {knee.offered_per_second:g}."
        )
    else:
        lines.append("The server kept up with every rate: higher ones would show its limit.")
    late = max((rate.late_ms.p99 or 0 for rate in result.rates), default=0)
    lines.append(f"Requests left at most {late:.1f} ms late (p99 of the worst rate).")
    if result.rent:
        lines.append(f"Cost: {result.rent.basis}.")
    return "\n".join(lines)
