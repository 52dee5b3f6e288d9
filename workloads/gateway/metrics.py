"""Counters, gauges and histograms in Prometheus' text format, version 0.0.4."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping

from workloads.gateway.resilience import Breaker
from workloads.gateway.usage import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From a cached first token to the longest deadline there is, in seconds.
SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Series:
    """One metric: a number for every combination of its labels."""

    def __init__(self, name: str, kind: str, help: str, *labels: str) -> None:
        self.name = name
        self._head = [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
        self._labels = labels
        self.values: defaultdict[tuple[str, ...], float] = defaultdict(int)

    def lines(self) -> list[str]:
        samples = [
            f"{self.name}{{{_labels(self._labels, parts)}}} {value!r}"
            for parts, value in sorted(self.values.items())
        ]
        return self._head + samples


class Histogram:
    """One metric of seconds, by model."""

    def __init__(self, name: str, help: str) -> None:
        self.name = name
        self._head = [f"# HELP {name} {help}", f"# TYPE {name} histogram"]
        self._counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(SECONDS) + 1))
        self._sums: defaultdict[str, float] = defaultdict(float)

    def observe(self, model: str, seconds: float) -> None:
        self._counts[model][bisect_left(SECONDS, seconds)] += 1
        self._sums[model] += seconds

    def lines(self) -> list[str]:
        lines = list(self._head)
        for model, counts in sorted(self._counts.items()):
            so_far = 0
            for bound, count in zip((*SECONDS, "+Inf"), counts, strict=True):
                so_far += count
                labels = _labels(("model", "le"), (model, str(bound)))
                lines.append(f"{self.name}_bucket{{{labels}}} {so_far}")
            label = _labels(("model",), (model,))
            lines.append(f"{self.name}_sum{{{label}}} {self._sums[model]!r}")
            lines.append(f"{self.name}_count{{{label}}} {so_far}")
        return lines


class Metrics:
    """What the gateway has done since it started, by tenant and model.

    Requests are counted under the model that was asked for, tokens and cost (USD) under the one
    that answered. A request without a known tenant or model has an empty label.
    """

    def __init__(self) -> None:
        self.requests = Series(
            "gateway_requests_total",
            "counter",
            "Requests, by HTTP status; 499: the client left before the end of the answer.",
            "tenant",
            "model",
            "status",
        )
        self.tokens = Series(
            "gateway_tokens_total",
            "counter",
            "Tokens of answers, by the way they are charged.",
            "tenant",
            "model",
            "kind",
        )
        self.cost_usd = Series(
            "gateway_cost_usd_total",
            "counter",
            "Cost of answers in USD, from the configured prices.",
            "tenant",
            "model",
        )
        self.in_flight = Series(
            "gateway_in_flight_requests", "gauge", "Requests being answered.", "tenant", "model"
        )
        self.throttled = Series(
            "gateway_throttled_requests_total",
            "counter",
            "Requests refused with 429, by whose limit it was: the tenant's, or the backend's.",
            "tenant",
            "model",
            "by",
        )
        self.duration = Histogram(
            "gateway_request_duration_seconds",
            "From the request to the end of its answer, by the model that was asked for.",
        )
        self.first_token = Histogram(
            "gateway_time_to_first_token_seconds",
            "From the request to the first piece of a streamed answer, by the model that answered.",
        )
        self.failures = Series(
            "gateway_upstream_failures_total",
            "counter",
            "Attempts at a model that gave no answer, by the status the failure stands for.",
            "model",
            "status",
        )
        self.retries = Series(
            "gateway_upstream_retries_total",
            "counter",
            "Rounds of attempts after the first, by the model that was asked for.",
            "model",
        )
        self.fallbacks = Series(
            "gateway_fallbacks_total",
            "counter",
            "Answers by another model than the one that was asked for.",
            "model",
            "answered_by",
        )
        self._breaker_state = Series(
            "gateway_breaker_state",
            "gauge",
            "0: requests go to the model; 1: one may try; 2: all are refused for a while.",
            "model",
        )
        self._upstream = Series(
            "gateway_upstream_in_flight_requests", "gauge", "Requests a model has now.", "model"
        )
        self._breakers: Mapping[str, Breaker] = {}

    def watch(self, breakers: Mapping[str, Breaker]) -> None:
        """Tell the state of these, by model, whenever it is asked for."""
        self._breakers = breakers

    def count_usage(self, tenant: str, model: str, usage: Usage, cost_usd: float | None) -> None:
        """Add an answer's tokens, and its cost where the model has a price."""
        for kind in ("input", "output", "cache_read", "cache_write"):
            if tokens := getattr(usage, kind):
                self.tokens.values[tenant, model, kind] += tokens
        if cost_usd is not None:
            self.cost_usd.values[tenant, model] += cost_usd

    def text(self) -> str:
        """Everything, as a scraper reads it."""
        for model, breaker in self._breakers.items():
            self._breaker_state.values[model,] = breaker.state
            self._upstream.values[model,] = breaker.in_flight
        metrics = [one for one in vars(self).values() if isinstance(one, Series | Histogram)]
        return "\n".join(line for one in metrics for line in one.lines()) + "\n"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    # Names of tenants and models hold no character that would have to be escaped.
    return ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
