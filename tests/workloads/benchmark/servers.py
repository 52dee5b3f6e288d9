"""A server with OpenAI's API in the test's own event loop, answering as the test says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = Callable[[int, dict, web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def openai_server(answer: Answer) -> AsyncIterator[str]:
    """The URL of one whose `answer` is given each request's number, from 0, and body."""
    count = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal count
        number, count = count, count + 1
        return await answer(number, await request.json(), request)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    app.router.add_post("/v1/completions", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1"))


async def stream(request: web.Request, *lines: bytes) -> web.StreamResponse:
    """These lines as server-sent events, whatever they are."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for line in lines:
        await response.write(line + b"\n\n")
    return response


def text(content: str) -> bytes:
    """A chunk of a chat's answer."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": content}}]}).encode()


def usage(prompt: int, output: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": output}
    return b"data: " + json.dumps({"choices": [], "usage": counts}).encode()


DONE = b"data: [DONE]"


async def good_answer(number: int, body: dict, request: web.Request) -> web.StreamResponse:
    """Three chunks of two tokens each."""
    words = [text("once "), text("upon "), text("a time")]
    return await stream(request, *words, usage(7, 6), DONE)
