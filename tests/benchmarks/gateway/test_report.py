"""What a run is held against: each promise is met by figures that keep it, and missed by others."""

import json
import random

import pytest

from benchmarks.gateway.isolation import Isolation
from benchmarks.gateway.load import Result
from benchmarks.gateway.memory import Memory, slope_and_spread
from benchmarks.gateway.report import GATEWAY, LITELLM, MINIMAL, Report, ratios
from benchmarks.gateway.throughput import DIRECT, Point


def result(per_second: float = 100, p50_ms: float = 1) -> Result:
    return Result(per_second=per_second, cpu_us=1e6 / per_second, p50_ms=p50_ms, p99_ms=2 * p50_ms)


def point(server: str, found: Result, clients: int = 32) -> Point:
    return Point(True, clients, server, found, {0: found})


def streams(ours: float, server: str, theirs: float) -> Report:
    points = [point(GATEWAY, result(ours)), point(server, result(theirs))]
    return Report("", 2, points=points)


def added(milliseconds: float) -> Report:
    points = [point(DIRECT, result(p50_ms=0.1), 1), point(GATEWAY, result(p50_ms=milliseconds), 1)]
    return Report("", 2, points=points)


def growing(slope: float, spread: float) -> Report:
    return Report("", 2, memory=Memory(100_000, [], 60, 60, slope, spread))


def delayed(milliseconds: float) -> Report:
    return Report("", 2, isolation=[Isolation("/health", 1, 1 + milliseconds)])


KEPT = {
    "of the minimal converter": (streams(61, MINIMAL, 100), streams(59, MINIMAL, 100)),
    "of LiteLLM's proxy": (streams(4001, LITELLM, 100), streams(3999, LITELLM, 100)),
    "added latency": (added(1.05), added(1.15)),
    "beside slow streams": (delayed(19), delayed(21)),
    "memory": (growing(3, 1.5), growing(3, 0.5)),
}


@pytest.mark.parametrize("promise", KEPT)
def test_a_promise_is_kept_or_not(promise):
    kept, broken = KEPT[promise]

    assert [target.met for target in kept.targets()] == [True]
    assert [target.met for target in broken.targets()] == [False]
    assert "| MISSED |" in broken.text()
    assert json.loads(json.dumps(broken.to_json()))["targets"][0]["met"] is False


@pytest.mark.parametrize("growth", [0.0, 5.0])
def test_growth_is_told_from_memory_that_moves_about(growth):
    chance = random.Random(1)
    samples = [(n * 500, 60 + growth * n / 200 + chance.gauss(0, 0.2)) for n in range(200)]

    slope, spread = slope_and_spread(samples)

    assert slope * 100_000 == pytest.approx(growth, abs=0.3)
    assert (slope > 2 * spread) == bool(growth)


def test_a_ratio_compares_what_was_measured_in_the_same_round():
    quick, slow = result(200), result(20)
    ours = Point(True, 32, GATEWAY, quick, dict(enumerate([quick, slow, slow])))
    theirs = Point(True, 32, MINIMAL, quick, {0: result(400), 1: result(40), 2: result(40)})

    assert ratios(ours, theirs) == (0.5, 0.5)


def test_a_round_that_one_of_them_sat_out_is_not_compared():
    ours = Point(True, 32, GATEWAY, result(2), dict(enumerate(map(result, (2, 200, 2)))))
    theirs = Point(True, 32, LITELLM, result(1), {0: result(1), 2: result(1)})

    assert ratios(ours, theirs)[0] == 2
