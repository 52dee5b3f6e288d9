"""Spans of the real process, as a real collector receives them."""

import socket

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import (
    converse_answer,
    converse_stream,
    openai_completion,
    usage,
)
from tests.workloads.gateway.seen.collector import AT_ONCE, Collector, attributes

NOVA = "amazon.nova-lite-v1:0"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
QUESTION = {"model": "own", "messages": [{"role": "user", "content": "Hi"}]}
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(start_gateway, services, collector):
    """A gateway that exports to the collector."""
    return start_gateway(
        f"""
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        fallback = ["nova"]
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        price = {{ input = 1000, output = 1000 }}
        [[tenants]]
        name = "team"
        key_sha256 = "{sha256(KEY)}"
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        **AT_ONCE,
    )


def test_a_request_that_falls_back_is_one_server_span_and_two_client_spans(
    traced, services, collector
):
    services.answer("own", status=503, body={})
    tokens = usage(4, 3, cacheReadInputTokens=2, cacheWriteInputTokens=1)
    services.answer(NOVA, *converse_stream(["Hel", "lo"], tokens))

    body = {**QUESTION, "stream": True, "max_tokens": 9, "temperature": 0.5}
    answer = traced.chat(body, traceparent=TRACEPARENT)
    collector.wait_for_spans(3)
    assert traced.stop() == 0

    [server] = [span for span in collector.spans if span.kind == SERVER]
    own, nova = sorted(
        (span for span in collector.spans if span.kind == CLIENT),
        key=lambda span: span.start_time_unix_nano,
    )
    assert collector.services == {"gateway"}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert server.parent_span_id.hex() == PARENT
    assert own.parent_span_id == nova.parent_span_id == server.span_id
    assert server.name == "POST /v1/chat/completions"
    assert (own.name, nova.name) == ("chat own", f"chat {NOVA}")
    about = attributes(server)
    assert about == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "gateway.request_id": answer.headers["x-request-id"],
        "gateway.tenant": "team",
        "gateway.key_id": sha256(KEY)[:12],
        "gateway.model": "own",
        "gateway.answered_by": "nova",
        "gateway.cost_usd": pytest.approx(0.01),
    }
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
    }
    host, port = services.url.removeprefix("http://").split(":")
    assert attributes(own) == {
        **asked,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "own",
        "server.address": host,
        "server.port": int(port),
        "error.type": "backend_unavailable",
    }
    assert own.status.code == Status.STATUS_CODE_ERROR
    about = attributes(nova)
    assert about.pop("gen_ai.response.time_to_first_chunk") > 0
    assert about == {
        **asked,
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": NOVA,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.cache_write.input_tokens": 1,
    }
    for span, who in ((own, "own"), (nova, NOVA)):
        [received] = services.received[who]
        assert received.headers["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    signed = services.received[NOVA][0].headers["authorization"]
    assert "traceparent" not in signed
    [line] = [line for line in traced.logged() if line["event"] == "request"]
    assert line["trace_id"] == TRACE


def test_a_failure_after_the_first_words_is_the_attempts_and_the_requests(
    traced, services, collector
):
    services.answer(NOVA, *converse_stream(["Hel", "lo"])[:2])  # and no end

    traced.chat({**QUESTION, "model": "nova", "stream": True})
    collector.wait_for_spans(2)
    traced.stop()

    assert [span.status.code for span in collector.spans] == [Status.STATUS_CODE_ERROR] * 2
    assert {attributes(span)["error.type"] for span in collector.spans} == {"backend_unavailable"}


def test_a_clients_mistake_is_no_error_of_the_server(traced, services, collector):
    traced.chat({**QUESTION, "model": "unknown"})
    traced.get("/health")
    collector.wait_for_spans(1)
    traced.stop()

    [span] = collector.spans
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes(span)["http.response.status_code"] == 404


def test_a_client_that_samples_nothing_is_obeyed_and_still_named_upstream(
    traced, services, collector
):
    services.answer("own", body=openai_completion("Hello"))

    traced.chat(QUESTION, traceparent=f"00-{TRACE}-{PARENT}-00")
    traced.stop()

    assert collector.spans == []
    [received] = services.received["own"]
    assert received.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert received.headers["traceparent"].endswith("-00")


def test_a_collector_that_takes_nothing_keeps_nobody_waiting(start_gateway, services):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        services.answer("own", body=openai_completion("Hello"))
        gateway = start_gateway(
            f"""
            [[models]]
            name = "own"
            openai = "{services.url}/v1"
            [[tenants]]
            name = "team"
            key_sha256 = "{sha256(KEY)}"
            """,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            OTEL_EXPORTER_OTLP_TIMEOUT=f"{10 * PATIENCE}",  # s
        )

        assert gateway.chat(QUESTION).status_code == 200
        assert gateway.stop() == 0  # long before the export gives up

    assert [line["status"] for line in gateway.logged() if line["event"] == "request"] == [200]


def test_without_an_endpoint_there_is_no_trace(gateway, services):
    services.answer(NOVA, body=converse_answer({"text": "Hello"}))

    gateway.chat({**QUESTION, "model": "nova"}, traceparent=TRACEPARENT)

    [received] = services.received[NOVA]
    assert "traceparent" not in received.headers
