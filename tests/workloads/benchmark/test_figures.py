"""Percentiles, throughput and failures from outcomes whose moments are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.benchmark.client import Outcome
from workloads.benchmark.figures import figures, percentile, percentiles

TIMES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=200)


@given(TIMES, st.floats(min_value=0, max_value=100))
def test_a_percentile_is_numpys(values, percent):
    expected = np.percentile(values, percent)

    assert percentile(sorted(values), percent) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_percentile_among_failures_is_none():
    values = percentiles([*[0.1] * 95, *[math.inf] * 5])

    assert (values.samples, values.p50, values.p90, values.p99) == (100, 100, 100, None)
    assert percentiles([]).p50 is None


def answered(intended: float, *, sent: float | None = None, chunks: list[float], tokens=None):
    return Outcome(
        intended=intended,
        sent=intended if sent is None else sent,
        ended=chunks[-1],
        chunks=chunks,
        prompt_tokens=10,
        output_tokens=len(chunks) if tokens is None else tokens,
    )


def test_every_figure_of_a_small_run():
    outcomes = [
        answered(100.0, chunks=[100.5, 101.5]),  # of the warm-up
        answered(101.0, chunks=[101.2, 101.3, 101.5], tokens=6),
        answered(102.0, sent=102.25, chunks=[102.5, 102.9]),
        Outcome(intended=103.0, sent=103.0, ended=103.1, failure="HTTP 429"),
        answered(104.0, chunks=[104.5, 105.5]),  # its second chunk comes when the load is over
    ]

    got = figures(outcomes, offered=1.0, warmup=1.0, seconds=4.0)

    assert got.requests == 4
    assert got.failures == {"HTTP 429": 1}
    assert got.answered_per_second == 3 / 4  # with the warm-up's, which ended in that time
    assert got.output_tokens_per_second == (1 + 6 + 2 + 1) / 4
    assert got.prompt_tokens == 10
    assert got.output_tokens == pytest.approx((6 + 2 + 2) / 3)
    assert got.time_to_first_token_ms.samples == 4
    assert got.time_to_first_token_ms.p50 == 500  # of 200, 500, 500 and none
    assert got.time_to_first_token_ms.p99 is None
    assert got.inter_token_ms.samples == 4
    assert got.inter_token_ms.p50 == 300  # of 100, 200, 400 and 1000
    assert got.end_to_end_ms.p50 == pytest.approx(1200)  # of 500, 900, 1500 and none
    assert got.late_ms.p50 == 0
    assert got.late_ms.p99 == pytest.approx(250 * 0.97)
    assert not got.sustained


def test_tokens_are_uncounted_unless_the_server_counts_all():
    counted = answered(0.0, chunks=[0.1])
    silent = answered(1.0, chunks=[1.1])
    silent.prompt_tokens = silent.output_tokens = None

    got = figures([counted, silent], offered=1.0, warmup=0.0, seconds=2.0)

    assert got.prompt_tokens is None
    assert got.output_tokens is None
    assert got.output_tokens_per_second == 1  # chunks stand for tokens


def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one():
    """A server that answers in 10 ms stands still for a second; 100 requests a second are due."""
    due = [n / 100 for n in range(200)]
    opened = [answered(at, chunks=[max(at, 1.0) + 0.01]) for at in due]
    closed = []
    now = 0.0
    for _ in due:  # asks again only when answered
        end = max(now, 1.0) + 0.01
        closed.append(answered(now, chunks=[end]))
        now = end

    open_loop = figures(opened, offered=100.0, warmup=0.0, seconds=2.0).end_to_end_ms
    closed_loop = figures(closed, offered=100.0, warmup=0.0, seconds=now).end_to_end_ms

    assert open_loop.p90 == pytest.approx(810, abs=10)
    assert closed_loop.p99 == pytest.approx(10)


@pytest.mark.parametrize(
    ("ended", "failure", "sustained"),
    [(0.5, None, True), (5.0, None, False), (0.5, "timeout", False)],
)
def test_a_rate_is_sustained_when_its_requests_end_in_time_and_well(ended, failure, sustained):
    outcomes = [
        Outcome(
            intended=n / 10, sent=n / 10, ended=n / 10 + ended, chunks=[n / 10 + ended],
            failure=failure if n == 3 else None,
        )
        for n in range(100)
    ]  # fmt: skip

    assert figures(outcomes, offered=10.0, warmup=0.0, seconds=10.0).sustained is sustained
