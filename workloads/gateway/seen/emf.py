"""The figures the service scales and alarms on, as log lines CloudWatch reads metrics from.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import asyncio
import random
import time
from typing import Any

from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.logs import Writer

NAMESPACE = "Gateway"
EVERY_SECONDS = 20
MOST_VALUES = 100  # of one metric in one line, by the format's specification
UNITS = {"TimeToFirstToken": "Milliseconds", "CostUsd": "None"}  # the others are counts


class EmbeddedMetrics:
    """What happened since the last line, for the dimension `Service`."""

    def __init__(self, service: str, metrics: Metrics, writer: Writer) -> None:
        self._service = service
        self._metrics = metrics
        self._writer = writer
        self._before = self._totals()
        self._first_tokens: list[float] = []  # ms; a fair sample where there are too many
        self._seen = 0

    def first_token(self, milliseconds: float) -> None:
        """A streamed answer has begun after so long."""
        self._seen += 1
        if len(self._first_tokens) < MOST_VALUES:
            self._first_tokens.append(milliseconds)
        elif (place := random.randrange(self._seen)) < MOST_VALUES:
            self._first_tokens[place] = milliseconds

    def start(self) -> None:
        """Write a line now and then, as long as the event loop runs."""
        asyncio.get_running_loop().call_later(EVERY_SECONDS, self._again)

    def _again(self) -> None:
        self.publish()
        self.start()

    def publish(self) -> None:
        """Write a line."""
        totals = self._totals()
        values: dict[str, Any] = {
            "InFlightRequests": sum(self._metrics.in_flight.values.values()),
            **{name: total - self._before[name] for name, total in totals.items()},
        }
        if self._first_tokens:
            values["TimeToFirstToken"] = self._first_tokens
        self._before, self._first_tokens, self._seen = totals, [], 0
        metrics = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": [["Service"]], "Metrics": metrics}
        meta = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        self._writer.write({"_aws": meta, "Service": self._service, **values})

    def _totals(self) -> dict[str, float]:
        requests, tokens = self._metrics.requests.values, self._metrics.tokens.values
        return {
            "Requests": sum(requests.values()),
            "Errors": sum(n for (*_, status), n in requests.items() if status >= "500"),
            "Throttles": sum(n for (*_, status), n in requests.items() if status == "429"),
            "InputTokens": sum(n for (*_, kind), n in tokens.items() if kind != "output"),
            "OutputTokens": sum(n for (*_, kind), n in tokens.items() if kind == "output"),
            "CostUsd": sum(self._metrics.cost_usd.values.values()),
        }
