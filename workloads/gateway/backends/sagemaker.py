"""Models on SageMaker real-time endpoints whose containers speak OpenAI's API."""

from collections.abc import AsyncGenerator

import aiohttp
import orjson

from workloads.gateway.backends.failures import (
    aws_failure,
    aws_stream_failure,
    server_error,
)
from workloads.gateway.backends.openai_form import (
    HEADERS,
    embedding_body,
    event_reader,
    read_answer,
    read_embeddings,
    request_body,
)
from workloads.gateway.call import Call
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.event_stream import Decoder, EventStreamError
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.upstream import Upstream


class SageMakerEndpoint:
    """The one model of an endpoint: requests name no model, as its server knows its own."""

    settles = False

    def __init__(self, sagemaker: Upstream, *, name: str, endpoint: str) -> None:
        self._sagemaker = sagemaker
        self._name = name
        self._invoke = sagemaker.target(f"/endpoints/{endpoint}/invocations")
        self._invoke_stream = sagemaker.target(f"/endpoints/{endpoint}/invocations-response-stream")

    async def complete(self, call: Call) -> bytes:
        answer = await self._post(request_body(call, None))
        return read_answer(call, self._sagemaker.name, self._name, answer)

    async def stream(self, call: Call) -> AsyncGenerator[bytes]:
        body = request_body(call, None)
        decoder = Decoder()
        reader = event_reader(call, self._sagemaker.name, self._name)
        async with self._sagemaker.post(self._invoke_stream, body, HEADERS) as response:
            if response.status != 200:
                raise self._failure(response, await response.read())
            async for data in response.content.iter_any():
                try:
                    for headers, payloads in decoder.feed(data):
                        if events := reader.feed(self._part(headers, payloads)):
                            yield events
                        if reader.failure is not None:
                            raise reader.failure
                except EventStreamError as error:
                    raise unavailable(
                        f"{self._sagemaker.name} sent an answer of unknown form", status=502
                    ) from error
        call.ending = reader.finish()

    async def embed(self, call: EmbeddingCall) -> bytes:
        answer = await self._post(embedding_body(call, None))
        return read_embeddings(call, self._sagemaker.name, answer)

    async def count_tokens(self, call: Call) -> int:
        raise ApiError(404, f"{self._sagemaker.name} counts no tokens")

    async def _post(self, body: bytes) -> bytes:
        async with self._sagemaker.post(self._invoke, body, HEADERS) as response:
            answer = await response.read()
            if response.status != 200:
                raise self._failure(response, answer)
            return answer

    def _part(self, headers: dict[str, str], payloads: list[bytes]) -> bytes:
        """The bytes of payload parts, which begin and end anywhere in the server's output."""
        if headers.get(":message-type") == "event":
            return b"".join(payloads) if headers.get(":event-type") == "PayloadPart" else b""
        raise aws_stream_failure(self._sagemaker.name, headers, payloads[0])

    def _failure(self, response: aiohttp.ClientResponse, body: bytes) -> ApiError:
        if response.status == 424:  # ModelError: the container's own answer, in an envelope
            try:
                error = orjson.loads(body)
                status, message = int(error["OriginalStatusCode"]), str(error["OriginalMessage"])
                return server_error(self._sagemaker.name, status, message.encode())
            except (ValueError, KeyError, TypeError):
                pass
        return aws_failure(self._sagemaker.name, response, body)
