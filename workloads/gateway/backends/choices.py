"""Several choices of one chat completion from a model that gives one at a time.

The model is asked as often as there are choices, all at once, and bills its input as often; so does
the usage that the client is told.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Protocol

from workloads.gateway.call import Call, Json, Writer
from workloads.gateway.errors import ApiError
from workloads.gateway.surfaces.links import Link
from workloads.gateway.usage import Usage


class Several(Call, Protocol):
    """A call that asks for several choices."""

    def answers(self, model: str, answers: list[Json]) -> bytes:
        """The whole answer with a choice for each of Converse's."""

    def choice_writer(self, model: str, index: int) -> Writer:
        """For one choice's stream; it writes neither the usage nor the end of the answer."""


class Choice:
    """One choice of a `call`, which a backend answers as if it were a call of its own."""

    relayed = False
    choices = 1

    def __init__(self, call: Several, index: int, request: Json) -> None:
        self.caller = call.caller
        self.model = call.model
        self.stream = call.stream
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = call.chat
        self.answered: Json = {}
        self._call = call
        self._index = index
        self._request = request

    def links(self) -> list[Link]:
        return []

    def converse_request(self) -> Json:
        return dict(self._request)

    def answer(self, model: str, answer: Json) -> bytes:
        self.answered = answer
        return b""

    def writer(self, model: str) -> Writer:
        return self._call.choice_writer(model, self._index)


async def complete_choices(
    call: Several, name: str, complete: Callable[[Call], Coroutine[Any, Any, bytes]]
) -> bytes:
    """The whole answer, each choice from `complete`. Raises ApiError where one of them does.

    The others are waited for, as they are billed; and once one of them has told for how much, that
    is what the request is charged, and all of it is not asked for again.
    """
    choices = _choices(call)
    tasks = [asyncio.create_task(complete(choice)) for choice in choices]
    try:
        results = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
        call.usage = _sum(choices)
    for failure in results:
        if isinstance(failure, BaseException):
            call.usage = _sum([choice for choice in choices if choice.usage is not None])
            if isinstance(failure, ApiError) and call.usage is not None:
                failure.elsewhere = False
            raise failure
    return call.answers(name, [choice.answered for choice in choices])


async def stream_choices(
    call: Several, name: str, stream: Callable[[Call], AsyncGenerator[bytes]]
) -> AsyncGenerator[bytes]:
    """The choices' chunks as they come, each choice from `stream`."""
    choices = _choices(call)
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def one(choice: Choice) -> None:
        try:
            async with aclosing(stream(choice)) as parts:
                async for part in parts:
                    chunks.put_nowait(part)
            chunks.put_nowait(choice.ending)
        finally:
            chunks.put_nowait(None)

    tasks = [asyncio.create_task(one(choice)) for choice in choices]
    try:
        left = len(tasks)
        while left:
            chunk = await chunks.get()
            if chunk is not None:
                yield chunk
                continue
            left -= 1
            for task in [task for task in tasks if task.done()]:
                task.result()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        call.usage = _sum(choices)
    writer = call.writer(name)
    end = writer.write("metadata", {"usage": call.usage.to_converse() if call.usage else None})
    call.ending = end + writer.finish()


def _choices(call: Several) -> list[Choice]:
    request = call.converse_request()
    return [Choice(call, index, request) for index in range(call.choices)]


def _sum(choices: list[Choice]) -> Usage | None:
    """All tokens that were counted; None where a choice has counted none."""
    counted = [choice.usage for choice in choices if choice.usage is not None]
    if not counted or len(counted) < len(choices):
        return None
    return Usage(*(sum(kind) for kind in zip(*counted, strict=True)))
