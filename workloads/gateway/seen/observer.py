"""What is noted of every request: figures, a line of the log and, where wanted, spans."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from workloads.gateway.config import ModelConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.exchange import CLIENT_GONE, Exchange
from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.emf import EmbeddedMetrics
from workloads.gateway.seen.logs import Writer, report_unhandled

if TYPE_CHECKING:
    from workloads.gateway.seen.traces import Traces

_ROUTES = frozenset(
    {
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/usage",
    }
)
_OPERATIONS = frozenset({"converse", "converse-stream", "count-tokens"})


class Observer:
    """Notes of the requests of one gateway. Knows names and numbers, never what was said."""

    def __init__(
        self,
        metrics: Metrics,
        writer: Writer,
        *,
        traces: "Traces | None" = None,
        embedded: EmbeddedMetrics | None = None,
    ) -> None:
        self.metrics = metrics
        self._writer = writer
        self._traces = traces
        self._embedded = embedded

    def start(self) -> None:
        """The event loop runs: write from now on, also of what goes wrong in it."""
        asyncio.get_running_loop().set_exception_handler(report_unhandled)
        self._writer.start()
        if self._embedded is not None:
            self._embedded.start()

    def begin(self, exchange: Exchange) -> None:
        """A request has come."""
        if self._traces is not None:
            exchange.trace = self._traces.begin(exchange, route_of(exchange.path))

    def attempt(self, exchange: Exchange, model: ModelConfig) -> None:
        """A model is about to be asked; it has `failed`, or the request comes to its `end`."""
        exchange.attempts += 1
        exchange.answered_by = model.name
        if self._traces is not None and exchange.trace is not None:
            self._traces.attempt(exchange.trace, exchange, model)

    def failed(self, exchange: Exchange, model: ModelConfig, error: ApiError) -> None:
        """The model has given no answer."""
        exchange.answered_by = ""
        self.metrics.failures.values[model.name, str(error.status)] += 1
        if self._traces is not None and exchange.trace is not None:
            self._traces.failed(exchange.trace, error)
        self._writer.write(
            {
                "level": "warning",
                "event": "attempt",
                "request_id": exchange.request_id,
                "tenant": exchange.tenant,
                "model": model.name,
                "status": error.status,
                "error": error.code or error.type,
            }
        )

    def retried(self, exchange: Exchange) -> None:
        """The chain of models is gone through once more."""
        self.metrics.retries.values[exchange.model,] += 1

    def end(self, exchange: Exchange) -> None:
        """The request is over, however it ended."""
        now = time.perf_counter()
        metrics, error = self.metrics, exchange.failure
        tenant, model, status = exchange.tenant, exchange.model, exchange.outcome
        metrics.requests.values[tenant, model, str(status)] += 1
        if model:
            metrics.duration.observe(model, now - exchange.began)
            if exchange.answered_by not in ("", model):
                metrics.fallbacks.values[model, exchange.answered_by] += 1
        if status == 429 and error is not None:
            by = "backend" if error.elsewhere else error.type
            metrics.throttled.values[tenant, model, by] += 1
        if exchange.first_token_at:
            seconds = exchange.first_token_at - exchange.began
            metrics.first_token.observe(exchange.answered_by, seconds)
            if self._embedded is not None:
                self._embedded.first_token(seconds * 1000)
        if self._traces is not None and exchange.trace is not None:
            self._traces.end(exchange.trace, exchange)
        self._writer.write(_line(exchange, now))


def _line(exchange: Exchange, now: float) -> dict[str, Any]:
    usage, error, began = exchange.usage, exchange.failure, exchange.began
    first, trace = exchange.first_token_at, exchange.trace
    problem: str | None = "client_gone" if exchange.outcome == CLIENT_GONE else None
    if error is not None:
        problem = error.code or error.type
    return {
        "level": "error" if exchange.outcome >= 500 else "info",
        "event": "request",
        "request_id": exchange.request_id,
        "route": route_of(exchange.path),
        "tenant": exchange.tenant or None,
        "key_id": exchange.key_id or None,
        "model": exchange.model or None,
        "backend": exchange.answered_by or None,
        "status": exchange.outcome,
        "error": problem,
        "latency_ms": round((now - began) * 1000, 3),
        "time_to_first_token_ms": round((first - began) * 1000, 3) if first else None,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
        "cache_read_tokens": usage.cache_read if usage else None,
        "cache_write_tokens": usage.cache_write if usage else None,
        "cost_usd": exchange.cost_usd,
        "retries": max(0, exchange.attempts - 1),
        "trace_id": trace.id if trace else None,
    }


def route_of(path: str) -> str:
    """The route of a path, without what the client put into it."""
    if path in _ROUTES:
        return path
    if path.startswith("/v1/models/"):
        return "/v1/models/{id}"
    operation = path.rpartition("/")[2]
    if path.startswith("/model/") and operation in _OPERATIONS:
        return f"/model/{{id}}/{operation}"
    return "unknown"
