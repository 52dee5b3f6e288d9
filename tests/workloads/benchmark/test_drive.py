"""The client and the open loop against servers that misbehave."""

import asyncio
import time

import aiohttp
import pytest
from aiohttp import web

from tests.workloads.benchmark.servers import (
    DONE,
    good_answer,
    openai_server,
    stream,
    text,
    usage,
)
from workloads.benchmark.client import Client, Outcome
from workloads.benchmark.drive import drive
from workloads.benchmark.figures import figures
from workloads.benchmark.plan import Planned, Prompt

PROMPT = Prompt(text="tell me", max_tokens=9)


def ask(answer, *, requests=1, every=0.01, timeout=30.0, api="chat", url=None) -> list[Outcome]:
    """Outcomes of so many requests, one due `every` so many seconds."""

    async def run() -> list[Outcome]:
        async with openai_server(answer) as here, aiohttp.ClientSession() as session:
            client = Client(
                session=session, url=url or here, model="m", api=api, timeout=timeout, extra={}
            )
            planned = [Planned(at=n * every, prompt=PROMPT) for n in range(requests)]
            return await drive(client, planned)

    return asyncio.run(run())


def test_a_stalled_server_delays_no_request_and_every_latency_shows_it():
    arrived, last_in = [], asyncio.Event()

    async def stalled(number, body, request):
        """Answers nobody until all twenty have asked."""
        arrived.append(number)
        if len(arrived) == 20:
            last_in.set()
        await last_in.wait()
        return await good_answer(number, body, request)

    outcomes = ask(stalled, requests=20, every=0.02)

    assert [o.failure for o in outcomes] == [None] * 20
    last = outcomes[-1].intended
    for outcome in outcomes:  # nobody was answered before the last request had left
        assert outcome.chunks[0] >= last
        assert outcome.chunks[0] - outcome.intended >= last - outcome.intended
    got = figures(outcomes, offered=50.0, warmup=0.0, seconds=0.4)
    assert got.time_to_first_token_ms.p50 >= 9.5 * 20  # the median request had that long to wait


def test_latency_counts_from_when_a_request_was_due():
    async def run() -> Outcome:
        async with openai_server(good_answer) as url, aiohttp.ClientSession() as session:
            client = Client(session=session, url=url, model="m", api="chat", timeout=99, extra={})
            due = time.perf_counter() - 5  # a client five seconds behind
            return await client.ask(PROMPT, due)

    outcome = asyncio.run(run())

    assert outcome.failure is None
    assert outcome.chunks[0] - outcome.intended >= 5
    assert outcome.sent - outcome.intended >= 5


@pytest.mark.parametrize(
    ("api", "asked"),
    [
        ("chat", {"messages": [{"role": "user", "content": "tell me"}]}),
        ("completions", {"prompt": "tell me"}),
    ],
)
def test_a_request_is_streamed_and_its_tokens_counted(api, asked):
    bodies = []

    async def note(number, body, request):
        bodies.append((request.path, body))
        return await good_answer(number, body, request)

    [outcome] = ask(note, api=api)

    [(path, body)] = bodies
    assert path == ("/v1/chat/completions" if api == "chat" else "/v1/completions")
    expected = {
        "model": "m",
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert body == expected | asked
    assert (outcome.prompt_tokens, outcome.output_tokens) == (7, 6)
    assert len(outcome.chunks) == 3
    assert outcome.intended <= outcome.sent <= outcome.chunks[0] <= outcome.ended


async def refuse(number, body, request):
    return web.json_response({"error": {"message": "slow down"}}, status=429)


async def whole(number, body, request):
    return web.json_response({"choices": []})


async def unfinished(number, body, request):
    return await stream(request, text("once"))


async def broken(number, body, request):
    response = await stream(request, text("once"))
    request.transport.abort()
    return response


async def silent(number, body, request):
    return await stream(request, usage(1, 0), DONE)


async def failing(number, body, request):
    return await stream(request, text("once"), b'data: {"error": {"message": "out of memory"}}')


async def garbled(number, body, request):
    return await stream(request, b"data: [1, 2]", DONE)


async def never(number, body, request):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refuse, "HTTP 429"),
        (whole, "not a stream but application/json"),
        (unfinished, "stream cut off"),
        (broken, "connection lost"),
        (silent, "no text"),
        (failing, "error in the stream"),
        (garbled, "an event that is no object"),
    ],
)
def test_a_failure_is_counted_by_its_kind(answer, kind):
    async def third(number, body, request):
        return await (answer if number == 2 else good_answer)(number, body, request)

    outcomes = ask(third, requests=5)

    assert [o.failure for o in outcomes].count(kind) == 1
    got = figures(outcomes, offered=100.0, warmup=0.0, seconds=0.05)
    assert got.failures == {kind: 1}
    assert got.requests == 5
    assert got.end_to_end_ms.samples == 5


def test_an_answer_that_does_not_come_in_time_has_failed():
    [outcome] = ask(never, timeout=0.1)

    assert outcome.failure == "timeout"
    assert outcome.ended - outcome.intended >= 0.1


def test_a_server_that_is_not_there_is_a_failure_too():
    [outcome] = ask(good_answer, url="http://127.0.0.1:9/v1")

    assert outcome.failure == "no connection"
