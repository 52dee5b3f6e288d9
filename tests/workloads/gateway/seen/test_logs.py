"""What the process logs: a line a request, all of it JSON, and never what was said."""

import asyncio
import json
import logging
import os
import socket
import threading

import httpx2
import pytest

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import (
    Answer,
    converse_answer,
    converse_stream,
    event,
    exception,
    openai_completion,
    openai_stream,
    sse,
    usage,
)
from tests.workloads.gateway.seen.collector import AT_ONCE, Collector
from workloads.gateway.seen.logs import (
    PAUSE_SECONDS,
    Writer,
    logging_as_json,
    report_unhandled,
)

NOVA = "amazon.nova-lite-v1:0"
SECRET = "the heron keeps its savings under the third stone"
QUESTION = {"messages": [{"role": "user", "content": SECRET}]}
KEYS = {"authorization": f"Bearer {KEY}"}


def config(services, more: str = "") -> str:
    return f"""
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        price = {{ input = 1000, output = 1000 }}
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        fallback = ["endpoint"]
        [[models]]
        name = "endpoint"
        sagemaker = "tiny-llama"
        [[tenants]]
        name = "team"
        key_sha256 = "{sha256(KEY)}"
        {more}
        """


@pytest.fixture
def fresh(start_gateway, services):
    """A gateway whose log nobody else writes into."""
    return start_gateway(config(services))


def requests_of(gateway) -> dict[str, dict]:
    """The lines of requests by request id, once the gateway has stopped."""
    assert gateway.stop() == 0
    return {line["request_id"]: line for line in gateway.logged() if line["event"] == "request"}


def test_a_request_is_one_line_with_everything_about_it(fresh, services):
    tokens = usage(4, 3, cacheReadInputTokens=2, cacheWriteInputTokens=1)
    services.answer(NOVA, *converse_stream(["Hel", "lo"], tokens))
    answer = fresh.chat({**QUESTION, "model": "nova", "stream": True})

    line = requests_of(fresh)[answer.headers["x-request-id"]]

    assert line.pop("latency_ms") >= line.pop("time_to_first_token_ms") > 0
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": answer.headers["x-request-id"],
        "route": "/v1/chat/completions",
        "tenant": "team",
        "key_id": sha256(KEY)[:12],
        "model": "nova",
        "backend": "nova",
        "status": 200,
        "error": None,
        "input_tokens": 4,
        "output_tokens": 3,
        "cache_read_tokens": 2,
        "cache_write_tokens": 1,
        "cost_usd": 0.01,
        "retries": 0,
        "trace_id": None,
    }


def test_what_went_wrong_is_in_the_line(fresh, services):
    services.answer("own", status=503, body={})
    services.answer("tiny-llama", body=openai_completion("Hello"))
    second = fresh.chat({**QUESTION, "model": "own"}).headers["x-request-id"]
    unknown = fresh.chat({**QUESTION, "model": SECRET}).headers["x-request-id"]
    stranger = fresh.chat(QUESTION, "sk-wrong").headers["x-request-id"]
    services.answer(NOVA, *converse_stream(["Hel", "lo"])[:2])  # cut off
    cut = fresh.chat({**QUESTION, "model": "nova", "stream": True}).headers["x-request-id"]

    lines = requests_of(fresh)

    facts = ("status", "error", "tenant", "model", "backend", "retries")
    assert {id: tuple(line[fact] for fact in facts) for id, line in lines.items()} == {
        second: (200, None, "team", "own", "endpoint", 1),
        unknown: (404, "model_not_found", "team", None, None, 0),
        stranger: (401, "invalid_api_key", None, None, None, 0),
        cut: (502, "backend_unavailable", "team", "nova", "nova", 0),
    }
    [attempt] = [line for line in fresh.logged() if line["event"] == "attempt"]
    assert (attempt["request_id"], attempt["model"], attempt["status"]) == (second, "own", 503)


def test_health_and_metrics_are_not_logged(fresh):
    for path in ("/health", "/ready", "/metrics", "/nothing"):
        fresh.get(path)

    assert requests_of(fresh) == {}


BODIES = {
    "/v1/chat/completions": [
        QUESTION,
        {"messages": [{"role": "system", "content": SECRET}, {"role": SECRET, "content": SECRET}]},
        {
            **QUESTION,
            "tools": [
                {"type": "function", "function": {"name": "f", "description": SECRET}},
                {"type": SECRET},
            ],
        },
        {**QUESTION, "stream": True},
        {**QUESTION, "max_tokens": SECRET},
        {**QUESTION, "tools": SECRET},
        {**QUESTION, "model": SECRET},
        {**QUESTION, "response_format": {"type": SECRET}},
    ],
    "/v1/messages": [
        {**QUESTION, "max_tokens": 9, "system": SECRET},
        {**QUESTION, "max_tokens": 9, "stream": True},
        {**QUESTION, "max_tokens": SECRET},
    ],
    "/v1/messages/count_tokens": [QUESTION],
    "/v1/responses": [
        {"input": SECRET, "instructions": SECRET},
        {"input": [{"role": "user", "content": SECRET}], "stream": True},
        {"input": [{"type": SECRET}]},
    ],
    "/v1/embeddings": [{"input": SECRET}, {"input": [SECRET, 5, None]}],
    "/model/MODEL/converse": [
        {"messages": [{"role": "user", "content": [{"text": SECRET}]}]},
        {"messages": SECRET},
    ],
    "/model/MODEL/converse-stream": [{"messages": [{"role": "user", "content": [SECRET]}]}],
}
SPOKEN = json.dumps({"message": SECRET, "error": {"message": SECRET, "code": SECRET}}).encode()
ANSWERS = [
    Answer(status=400, body=SPOKEN, headers={"x-amzn-errortype": "ValidationException"}),
    Answer(
        status=429,
        body=SPOKEN,
        headers={"x-amzn-errortype": "ThrottlingException", "retry-after": "60"},
    ),
    Answer(status=503, body=SPOKEN, headers={"x-amzn-errortype": SECRET, "retry-after": "60"}),
    Answer(status=200, body=SPOKEN),
    Answer(status=200, body=SECRET.encode()),
    Answer(body=converse_answer({"text": SECRET})),
    Answer(body=openai_completion(SECRET)),
    Answer(steps=converse_stream([SECRET, SECRET])),
    Answer(steps=converse_stream([SECRET])[:2]),
    Answer(steps=[*converse_stream([SECRET])[:2], exception("throttlingException", SECRET)]),
    Answer(steps=[event("contentBlockDelta", {"delta": SECRET})]),
    Answer(steps=openai_stream([SECRET])),
    Answer(steps=sse({"error": {"message": SECRET}})),
    Answer(steps=[SECRET.encode()]),
]


GUARDRAIL = """
        [guardrail]
        id = "gr-1"
        version = "1"
        """
INTERVENED = {
    "action": "GUARDRAIL_INTERVENED",
    "outputs": [{"text": SECRET}],
    "assessments": [{"wordPolicy": {"customWords": [{"match": SECRET, "action": "BLOCKED"}]}}],
}
VERDICTS = [
    Answer(body={"action": "NONE", "outputs": [], "assessments": []}),
    Answer(status=400, body=SPOKEN, headers={"x-amzn-errortype": "ValidationException"}),
    Answer(body=INTERVENED),
    Answer(body={"action": "NONE", "outputs": [], "assessments": []}),
]


def test_nothing_that_is_said_is_ever_written_down(start_gateway, services):
    with Collector() as collector:
        environment = {"GATEWAY_SERVICE": "x", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        gateway = start_gateway(config(services, GUARDRAIL), **environment, **AT_ONCE)
        statuses = set()
        with httpx2.Client(base_url=gateway.url, headers=KEYS, timeout=PATIENCE) as client:
            for number, answer in enumerate(ANSWERS):
                for who in (NOVA, "own", "tiny-llama"):
                    services.answers[who] = answer
                services.answers["guardrail gr-1"] = VERDICTS[number // 4]
                for path, bodies in BODIES.items():
                    model = ("nova", "own", "endpoint")[number % 3]
                    for body in bodies:
                        answered = client.post(
                            path.replace("MODEL", model), json={"model": model, **body}
                        )
                        statuses.add(answered.status_code)
            for path in (f"/v1/{SECRET}", f"/model/{SECRET}/converse", f"/v1/models/{SECRET}"):
                statuses.add(client.get(path).status_code)
                statuses.add(client.post(path, content=SECRET.encode()).status_code)
            statuses.add(client.get("/v1/models", headers={"x-api-key": SECRET}).status_code)
            client.post("/v1/chat/completions", headers={"traceparent": SECRET}, json=QUESTION)
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(f"{SECRET}\r\n\r\n".encode())
            assert raw.recv(1024).startswith(b"HTTP/1.1 400")
        assert gateway.process.poll() is None
        gateway.process.terminate()
        said = gateway.process.stdout.read() + gateway.log.read_text()
        assert gateway.ended() == 0
        exported = b"".join(collector.bodies)

    assert {200, 400, 404, 429, 502} <= statuses
    lines = gateway.logged()
    assert len([line for line in lines if line.get("event") == "request"]) > 150
    assert {line.get("event") for line in lines if "_aws" not in line} == {
        "request",
        "attempt",
        "log",
    }
    loggers = {line["logger"] for line in lines if line.get("event") == "log"}
    assert loggers == {"workloads.gateway.guardrails", "uvicorn.error"}
    assert json.loads(gateway.greeting)["event"] == "listening"
    for word in (SECRET, "heron", KEY):
        assert word not in said
        assert word.encode() not in exported
    assert exported


@pytest.fixture
def captured():
    """What is written inside the block, as JSON."""
    reader, writer = os.pipe()

    def lines() -> list[dict]:
        with os.fdopen(reader) as pipe:
            return [json.loads(line) for line in pipe]

    return writer, lines


def test_any_logger_writes_json_and_the_text_of_no_exception(captured):
    file, lines = captured
    with logging_as_json(file):
        logging.getLogger("aiohttp").warning("two\nlines of %s", "text")
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise ValueError(SECRET) from error
        except ValueError:
            logging.getLogger("x").exception("it failed")

    os.close(file)
    one, two = lines()

    del one["time"]
    assert one == {
        "level": "warning",
        "event": "log",
        "logger": "aiohttp",
        "message": "two\nlines of text",
    }
    assert two["error"] == "ValueError from KeyError"
    assert two["at"][0].rpartition(" ")[0].rpartition(":")[0] == __file__
    assert SECRET not in str(two)


def test_what_nobody_catches_in_the_event_loop_is_logged_without_its_text(captured):
    file, lines = captured

    async def fail():
        raise ValueError(SECRET)

    async def main():
        asyncio.get_running_loop().set_exception_handler(report_unhandled)
        task = asyncio.create_task(fail())
        await asyncio.wait([task])

    with logging_as_json(file):
        asyncio.run(main())

    os.close(file)
    [line] = lines()

    assert line["error"] == "ValueError"
    assert SECRET not in str(line)


def test_a_log_that_nobody_reads_any_more_stops_nothing(captured):
    file, _ = captured
    reader, broken = os.pipe()
    os.close(reader)

    with logging_as_json(broken):
        logging.getLogger("x").warning("gone")

    os.close(broken)
    os.close(file)


def test_a_log_that_is_read_slowly_is_kept_and_no_request_waits_for_it(captured):
    file, lines = captured
    writer = Writer(file)
    line = {"text": "x" * 1_000}

    async def main():
        for _ in range(200):  # more than a pipe holds
            writer.write(dict(line))
        writer.start()
        await asyncio.sleep(3 * PAUSE_SECONDS)

    serving = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    serving.start()
    serving.join(PATIENCE)
    assert not serving.is_alive()  # though nobody has read
    read: list[dict] = []
    reader = threading.Thread(target=lambda: read.extend(lines()))
    reader.start()
    writer.close()
    os.close(file)
    reader.join(PATIENCE)

    assert len(read) == 200
