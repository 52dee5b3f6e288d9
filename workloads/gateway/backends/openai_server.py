"""Models of any server with OpenAI's API, such as vLLM on Inferentia."""

from collections.abc import AsyncGenerator

import orjson

from workloads.gateway.backends.failures import server_error
from workloads.gateway.backends.openai_form import (
    HEADERS,
    chat_body,
    embedding_body,
    event_reader,
    read_answer,
    read_embeddings,
    request_body,
)
from workloads.gateway.call import Call
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.upstream import CUT, Target, Upstream, retry_after


class OpenAIServer:
    """One model of an OpenAI-compatible server, which knows it by the same `name`.

    Requests and answers in OpenAI's form pass through as they are; the server checks what it is
    asked.
    """

    settles = False

    def __init__(self, server: Upstream, *, name: str) -> None:
        self._server = server
        self._name = name
        self._target = server.target("/chat/completions")
        self._embeddings = server.target("/embeddings")
        self._tokenize = server.sibling("/v1", "/tokenize")

    async def complete(self, call: Call) -> bytes:
        answer = await self._post(self._target, request_body(call, self._name))
        return read_answer(call, self._server.name, self._name, answer)

    async def stream(self, call: Call) -> AsyncGenerator[bytes]:
        body = request_body(call, self._name)
        reader = event_reader(call, self._server.name, self._name)
        async with self._server.post(self._target, body, HEADERS) as response:
            if response.status != 200:
                answer = await response.read()
                raise server_error(
                    self._server.name, response.status, answer, retry_after(response)
                )
            try:
                async for data in response.content.iter_any():
                    if events := reader.feed(data):
                        yield events
                    if reader.failure is not None:
                        raise reader.failure
            except CUT:
                if not reader.done:  # all has been said otherwise
                    raise
        call.ending = reader.finish()

    async def embed(self, call: EmbeddingCall) -> bytes:
        answer = await self._post(self._embeddings, embedding_body(call, self._name))
        return read_embeddings(call, self._server.name, answer)

    async def count_tokens(self, call: Call) -> int:
        """By vLLM's `/tokenize`, which stands beside `/v1`."""
        chat = chat_body(call)
        asked = {key: chat[key] for key in ("messages", "tools") if key in chat}
        try:
            answer = await self._post(self._tokenize, encoded({**asked, "model": self._name}))
            return int(orjson.loads(answer)["count"])
        except ApiError as error:
            if error.status in (404, 405):
                raise ApiError(404, f"{self._server.name} counts no tokens") from error
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise unavailable(
                f"{self._server.name} sent an answer of unknown form", status=502
            ) from error

    async def _post(self, target: Target, body: bytes) -> bytes:
        async with self._server.post(target, body, HEADERS) as response:
            answer = await response.read()
            if response.status != 200:
                raise server_error(
                    self._server.name, response.status, answer, retry_after(response)
                )
            return answer
