"""Puts the observer of a process together, from what its environment asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.emf import EmbeddedMetrics
from workloads.gateway.seen.logs import logging_as_json
from workloads.gateway.seen.observer import Observer


@contextmanager
def observed(*, service: str | None, traced: bool) -> Iterator[Observer]:
    """An observer; at the end of the block everything it has noted is written and sent.

    With `service` the log has CloudWatch's metrics of the service with that name; `traced` sends
    spans to where OpenTelemetry's environment says.
    """
    with logging_as_json() as writer:
        metrics, traces = Metrics(), None
        embedded = EmbeddedMetrics(service, metrics, writer) if service else None
        if traced:
            from workloads.gateway.seen.traces import Traces

            traces = Traces()
        try:
            yield Observer(metrics, writer, traces=traces, embedded=embedded)
        finally:
            if embedded is not None:
                embedded.publish()
            if traces is not None:
                traces.close()
