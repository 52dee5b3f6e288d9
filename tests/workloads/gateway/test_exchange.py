"""Clients that are slow, or do not read: nobody waits for them for ever."""

import asyncio

import pytest

from workloads.gateway import exchange
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.exchange import Exchange

SCOPE = {"method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": []}


async def never(*_: object) -> None:
    await asyncio.Event().wait()


def test_a_body_that_does_not_arrive_is_408(monkeypatch):
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.01)
    messages = [{"type": "http.request", "body": b'{"model"', "more_body": True}]

    async def receive():
        return messages.pop() if messages else await never()

    with pytest.raises(ApiError, match="did not arrive within") as caught:
        asyncio.run(Exchange(SCOPE, receive, never).body())

    assert caught.value.status == 408


def test_a_client_that_reads_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(exchange, "LAST_EVENT_SECONDS", 0.01)
    sent = []

    async def send(message):
        if sent:  # the buffers are full
            await never()
        sent.append(message)

    async def stream():
        one = Exchange(SCOPE, never, send)
        await one.start_events({})
        await one.fail(unavailable("too late", 504))
        return one.outcome

    assert asyncio.run(stream()) == 504
