"""Models of Amazon Bedrock, through Converse and ConverseStream."""

from collections.abc import AsyncGenerator
from urllib.parse import quote

import orjson

from workloads.gateway.backends.chat import Chat
from workloads.gateway.backends.converse_request import converse_request
from workloads.gateway.backends.converse_response import ChunkWriter, completion
from workloads.gateway.backends.event_stream import Decoder, Event
from workloads.gateway.backends.failures import aws_failure, aws_stream_failure
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.upstream import Upstream

HEADERS = {"content-type": "application/json"}


class BedrockModel:
    """One model of Bedrock: `model_id` is an id, an inference profile or an ARN."""

    def __init__(
        self, bedrock: Upstream, *, name: str, model_id: str, guardrail: GuardrailConfig | None
    ) -> None:
        self._bedrock = bedrock
        self._name = name
        self._guardrail = guardrail
        path = f"/model/{quote(model_id, safe='')}"
        self._converse = bedrock.target(f"{path}/converse")
        self._converse_stream = bedrock.target(f"{path}/converse-stream")

    async def complete(self, chat: Chat) -> bytes:
        body = orjson.dumps(converse_request(chat.body, self._guardrail))
        async with self._bedrock.post(self._converse, body, HEADERS) as response:
            answer = await response.read()
            if response.status != 200:
                raise aws_failure(self._bedrock.name, response, answer)
        try:
            return completion(chat, self._name, orjson.loads(answer))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._nonsense() from error

    async def stream(self, chat: Chat) -> AsyncGenerator[bytes]:
        body = orjson.dumps(converse_request(chat.body, self._guardrail))
        writer = ChunkWriter(chat, self._name)
        decoder = Decoder()
        async with self._bedrock.post(self._converse_stream, body, HEADERS) as response:
            if response.status != 200:
                raise aws_failure(self._bedrock.name, response, await response.read())
            async for data in response.content.iter_any():
                chunks: list[bytes] = []
                failure: ApiError | None = None
                try:
                    for event in decoder.feed(data):
                        chunks.append(self._chunks(writer, event))
                except ApiError as error:
                    failure = error
                except (ValueError, KeyError, TypeError, AttributeError):
                    failure = self._nonsense()
                if chunk := b"".join(chunks):  # what came before the failure is the client's
                    yield chunk
                if failure is not None:
                    raise failure
        if decoder.pending or not writer.stopped:
            raise unavailable(f"{self._bedrock.name} broke off its answer", status=502)

    def _chunks(self, writer: ChunkWriter, event: Event) -> bytes:
        headers, payload = event
        if headers.get(":message-type") != "event":
            raise aws_stream_failure(self._bedrock.name, event)
        return writer.write(headers[":event-type"], orjson.loads(payload))

    def _nonsense(self) -> ApiError:
        return unavailable(f"{self._bedrock.name} sent an answer of unknown form", status=502)
