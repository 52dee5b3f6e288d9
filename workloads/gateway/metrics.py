"""Counters in Prometheus' text format, version 0.0.4."""

from collections import defaultdict

from workloads.gateway.usage import Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Series:
    """One metric: a number for every combination of its labels."""

    def __init__(self, name: str, kind: str, help: str, *labels: str) -> None:
        self._head = [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
        self._name = name
        self._labels = labels
        self.values: defaultdict[tuple[str, ...], float] = defaultdict(int)

    def lines(self) -> list[str]:
        # Names of tenants and models hold no character that would have to be escaped.
        samples = []
        for parts, value in sorted(self.values.items()):
            labels = zip(self._labels, parts, strict=True)
            text = ",".join(f'{label}="{part}"' for label, part in labels)
            samples.append(f"{self._name}{{{text}}} {value!r}")
        return self._head + samples


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

    def count_usage(self, tenant: str, model: str, usage: Usage, cost_usd: float | None) -> None:
        """Add an answer's tokens, and its cost where the model has a price."""
        for kind in ("input", "output", "cache_read", "cache_write"):
            if tokens := getattr(usage, kind):
                self.tokens.values[tenant, model, kind] += tokens
        if cost_usd is not None:
            self.cost_usd.values[tenant, model] += cost_usd

    def text(self) -> str:
        """Everything, as a scraper reads it."""
        series = (self.requests, self.tokens, self.cost_usd, self.in_flight)
        return "\n".join(line for one in series for line in one.lines()) + "\n"
