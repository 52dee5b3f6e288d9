"""From outcomes to figures: percentiles, throughput, failures by kind."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workloads.benchmark.client import Outcome

PERCENTS = (50, 90, 99)
SUSTAINED = 0.95  # of the offered requests have to end while the load lasts


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """In milliseconds, of `samples` values.

    A failed request counts as slower than every other: None is a percentile that falls among
    those, or of no samples at all.
    """

    samples: int
    p50: float | None
    p90: float | None
    p99: float | None


@dataclass(frozen=True, kw_only=True)
class RateFigures:
    """One rate's run. Requests are those planned after the warm-up; seconds do not count it."""

    offered_per_second: float
    seconds: float
    requests: int
    failures: dict[str, int]  # kind -> how many
    answered_per_second: float  # ended well while the load lasted
    output_tokens_per_second: float  # arrived while the load lasted
    prompt_tokens: float | None  # mean of the answered, as the server counts
    output_tokens: float | None
    time_to_first_token_ms: Percentiles
    inter_token_ms: Percentiles  # between chunks of text, of all answers together
    end_to_end_ms: Percentiles
    late_ms: Percentiles  # between the planned and the real sending: the client's own delay

    @property
    def sustained(self) -> bool:
        """Whether the server kept up."""
        enough = self.answered_per_second >= SUSTAINED * self.requests / self.seconds
        return enough and not self.failures


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Of sorted values, by linear interpolation as numpy's default; math.inf is a value."""
    place = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    if below == above or math.isinf(above):
        return above
    return below + (above - below) * (place - math.floor(place))


def percentiles(seconds: Iterable[float]) -> Percentiles:
    ordered = sorted(seconds)

    def at(percent: float) -> float | None:
        value = percentile(ordered, percent) * 1000 if ordered else math.inf
        return None if math.isinf(value) else round(value, 3)

    p50, p90, p99 = (at(percent) for percent in PERCENTS)
    return Percentiles(samples=len(ordered), p50=p50, p90=p90, p99=p99)


def figures(
    outcomes: Sequence[Outcome], *, offered: float, warmup: float, seconds: float
) -> RateFigures:
    """The figures of what `drive` returned for a plan of `warmup` + `seconds`."""
    began = outcomes[0].intended + warmup  # a plan's first request is at 0
    ended = began + seconds
    measured = [outcome for outcome in outcomes if outcome.intended >= began]
    answered = [outcome for outcome in measured if outcome.failure is None]
    ends = [outcome.ended for outcome in outcomes if outcome.failure is None]
    return RateFigures(
        offered_per_second=offered,
        seconds=seconds,
        requests=len(measured),
        failures=dict(Counter(outcome.failure for outcome in measured if outcome.failure)),
        answered_per_second=sum(began <= end < ended for end in ends) / seconds,
        output_tokens_per_second=sum(_tokens_within(o, began, ended) for o in outcomes) / seconds,
        prompt_tokens=_mean([o.prompt_tokens for o in answered]),
        output_tokens=_mean([o.output_tokens for o in answered]),
        time_to_first_token_ms=percentiles(
            o.chunks[0] - o.intended if o.failure is None else math.inf for o in measured
        ),
        inter_token_ms=percentiles(
            later - earlier
            for outcome in answered
            for earlier, later in zip(outcome.chunks, outcome.chunks[1:], strict=False)
        ),
        end_to_end_ms=percentiles(
            o.ended - o.intended if o.failure is None else math.inf for o in measured
        ),
        late_ms=percentiles(o.sent - o.intended for o in measured),
    )


def _tokens_within(outcome: Outcome, began: float, ended: float) -> float:
    """The answer's tokens that arrived in that time, spread evenly over its chunks."""
    if outcome.failure is not None:
        return 0.0
    tokens = len(outcome.chunks) if outcome.output_tokens is None else outcome.output_tokens
    share = sum(began <= chunk < ended for chunk in outcome.chunks) / len(outcome.chunks)
    return tokens * share


def _mean(counts: Sequence[int | None]) -> float | None:
    """None unless the server counted them all."""
    known = [count for count in counts if count is not None]
    return sum(known) / len(known) if known and len(known) == len(counts) else None
