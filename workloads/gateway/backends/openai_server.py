"""Models of any server with OpenAI's API, such as vLLM on Inferentia."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson

from workloads.gateway.backends.chat import Chat
from workloads.gateway.backends.failures import server_error
from workloads.gateway.backends.sse import Relay
from workloads.gateway.errors import unavailable
from workloads.gateway.upstream import Upstream, retry_after
from workloads.gateway.usage import Usage

HEADERS = {"content-type": "application/json"}


class OpenAIServer:
    """One model of an OpenAI-compatible server, which knows it by the same `name`.

    Requests and answers pass through as they are; the server checks what it is asked.
    """

    def __init__(self, server: Upstream, *, name: str) -> None:
        self._server = server
        self._name = name
        self._target = server.target("/chat/completions")

    async def complete(self, chat: Chat) -> bytes:
        body = request_body(chat, self._name, stream=False)
        async with self._server.post(self._target, body, HEADERS) as response:
            answer = await response.read()
            if response.status != 200:
                raise server_error(
                    self._server.name, response.status, answer, retry_after(response)
                )
        return relayed_completion(chat, self._server.name, answer)

    async def stream(self, chat: Chat) -> AsyncGenerator[bytes]:
        body = request_body(chat, self._name, stream=True)
        relay = Relay(chat, self._server.name)
        async with self._server.post(self._target, body, HEADERS) as response:
            if response.status != 200:
                answer = await response.read()
                raise server_error(
                    self._server.name, response.status, answer, retry_after(response)
                )
            async for data in response.content.iter_any():
                if events := relay.feed(data):
                    yield events
                if relay.failure is not None:
                    raise relay.failure
        relay.finish()


def request_body(chat: Chat, model: str | None, *, stream: bool) -> bytes:
    """The client's request for the server's `model`; a stream is always asked for its usage."""
    body: dict[str, Any] = {**chat.body, "model": model, "stream": stream}
    if model is None:
        del body["model"]
    if stream:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    else:
        body.pop("stream_options", None)
    return orjson.dumps(body)


def relayed_completion(chat: Chat, name: str, answer: bytes) -> bytes:
    """The server's own answer; sets `chat.usage`. Raises ApiError if it is no completion."""
    try:
        completion = orjson.loads(answer)
        completion["choices"]
        chat.usage = Usage.from_openai(completion.get("usage"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unavailable(f"{name} sent an answer of unknown form", status=502) from error
    return answer
