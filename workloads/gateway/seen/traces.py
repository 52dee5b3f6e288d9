"""Traces by OpenTelemetry: a server span for a request, a client span for each attempt at a model.

Attributes by the semantic conventions, those of generative AI as of 2026, in development still:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md
What is asked and answered is in none of them. Where spans go, how they are sampled and what the
service is called comes from OpenTelemetry's standard environment. Imported only where that is
wanted: the SDK takes a moment to load.
"""

import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.util.types import AttributeValue

from workloads.gateway.config import ModelConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.exchange import Exchange
from workloads.gateway.upstream import OUTGOING

LAST_SECONDS = 3.0  # to send spans at the end; the drain has taken nearly all there is by then

# Request fields that are numbers; the API of a client names them differently.
_NUMBERS = {
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "seed": "seed",
}


class Attempt(NamedTuple):
    """An attempt at a model, not yet ended."""

    span: Span
    began: float  # as time.perf_counter counts


class Trace:
    """The spans of one request."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.attempt: Attempt | None = None

    @property
    def id(self) -> str:
        return format_trace_id(self.span.get_span_context().trace_id)


class Traces:
    """Makes spans and exports them in the background."""

    def __init__(self) -> None:
        named = Resource({"service.name": "gateway"}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(
            resource=Resource.create().merge(named), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("workloads.gateway")

    def begin(self, exchange: Exchange, route: str) -> Trace:
        """The server span, in the trace that the client is in, if it says so."""
        names = ("traceparent", "tracestate")
        headers = {name: exchange.header(name.encode()) for name in names}
        parent = extract({name: value for name, value in headers.items() if value})
        attributes: dict[str, AttributeValue] = {
            "http.request.method": exchange.method,
            "http.route": route,
            "url.path": route,
            "url.scheme": "http",
            "gateway.request_id": exchange.request_id,
        }
        name = f"{exchange.method} {route}"
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
        return Trace(span)

    def attempt(self, trace: Trace, exchange: Exchange, model: ModelConfig) -> None:
        """Begin the client span of an attempt, and let its request carry it on."""
        asked, attributes = _model_attributes(model)
        operation = _operation(exchange.path)
        attributes |= {"gen_ai.operation.name": operation, **_request_attributes(exchange.request)}
        parent = set_span_in_context(trace.span)
        span = self._tracer.start_span(f"{operation} {asked}", parent, SpanKind.CLIENT, attributes)
        trace.attempt = Attempt(span, time.perf_counter())
        headers: dict[str, str] = {}
        inject(headers, set_span_in_context(span))
        OUTGOING.set(headers)

    def failed(self, trace: Trace, error: ApiError) -> None:
        """The attempt has ended without an answer."""
        if trace.attempt is not None:
            _fail(trace.attempt.span, error.status, error)
            trace.attempt.span.end()
            trace.attempt = None

    def end(self, trace: Trace, exchange: Exchange) -> None:
        """The request is over, and so is the attempt that answered it."""
        if trace.attempt is not None:
            span, began = trace.attempt
            if exchange.first_token_at:
                seconds = exchange.first_token_at - began
                span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
            if usage := exchange.usage:
                span.set_attributes(
                    {
                        "gen_ai.usage.input_tokens": usage.total - usage.output,
                        "gen_ai.usage.output_tokens": usage.output,
                        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
                        "gen_ai.usage.cache_write.input_tokens": usage.cache_write,
                    }
                )
            if exchange.outcome >= 400:
                _fail(span, exchange.outcome, exchange.failure)
            span.end()
        span = trace.span
        span.set_attribute("http.response.status_code", exchange.outcome)
        for name in ("tenant", "key_id", "model", "answered_by", "cost_usd"):
            if value := getattr(exchange, name):
                span.set_attribute(f"gateway.{name}", value)
        if exchange.outcome >= 500:  # a client's mistake is no failure of the server
            _fail(span, exchange.outcome, exchange.failure)
        span.end()

    def close(self) -> None:
        """Send what has not been sent, for a collector that takes it soon."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def _fail(span: Span, status: int, error: ApiError | None) -> None:
    span.set_attribute("error.type", (error and error.code) or str(status))
    span.set_status(StatusCode.ERROR)


def _operation(path: str) -> str:
    if path.endswith("/embeddings"):
        return "embeddings"
    return "count_tokens" if path.endswith(("count_tokens", "count-tokens")) else "chat"


def _model_attributes(model: ModelConfig) -> tuple[str, dict[str, AttributeValue]]:
    """What the model is called where it runs, and who runs it.

    The conventions say "openai" for any server that speaks its API.
    """
    if model.bedrock is not None:
        asked, provider = model.bedrock, "aws.bedrock"
    elif model.sagemaker is not None:
        asked, provider = model.sagemaker, "aws.sagemaker"
    else:
        asked, provider = model.name, "openai"
    attributes: dict[str, AttributeValue] = {
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": asked,
    }
    if model.openai is not None:
        url = urlsplit(model.openai)
        attributes["server.address"] = url.hostname or ""
        attributes["server.port"] = url.port or (443 if url.scheme == "https" else 80)
    return asked, attributes


def _request_attributes(request: dict[str, Any]) -> dict[str, AttributeValue]:
    """The numbers of a request; of its text nothing."""
    inference = request.get("inferenceConfig")
    fields = {**request, **inference} if isinstance(inference, dict) else request
    attributes: dict[str, AttributeValue] = {
        f"gen_ai.request.{name}": fields[key]
        for key, name in _NUMBERS.items()
        if isinstance(fields.get(key), int | float)
    }
    if fields.get("stream") is True:
        attributes["gen_ai.request.stream"] = True
    return attributes
