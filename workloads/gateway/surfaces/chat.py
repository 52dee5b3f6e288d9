"""`/v1/chat/completions`, OpenAI's form."""

import time
from random import getrandbits

from workloads.gateway.call import Json
from workloads.gateway.caller import Caller
from workloads.gateway.errors import bad_request
from workloads.gateway.surfaces.chat_request import converse_request
from workloads.gateway.surfaces.chat_response import ChoiceWriter, ChunkWriter, completion
from workloads.gateway.surfaces.links import Link, chat_links
from workloads.gateway.usage import Usage


class ChatCall:
    """One chat completion that was asked for. Raises ApiError 400."""

    relayed = True

    def __init__(self, body: Json) -> None:
        model = body.get("model")
        if not isinstance(model, str):
            raise bad_request("model is missing", "model")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise bad_request("messages must be a list with at least one message", "messages")
        options = body.get("stream_options") or {}
        if not isinstance(options, dict):
            raise bad_request("stream_options is not an object", "stream_options")
        self.model: str = model
        self.stream = bool(body.get("stream"))
        self.caller: Caller | None = None
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = body
        self._body = body
        self._id = f"chatcmpl-{getrandbits(96):024x}"
        self._created = int(time.time())
        self.choices = body["n"] if type(body.get("n")) is int else 1
        self._include_usage = bool(options.get("include_usage"))

    def links(self) -> list[Link]:
        return chat_links(self._body["messages"])

    def converse_request(self) -> Json:
        return converse_request(self._body)

    def answer(self, model: str, answer: Json) -> bytes:
        return self.answers(model, [answer])

    def answers(self, model: str, answers: list[Json]) -> bytes:
        return completion(answers, id=self._id, created=self._created, model=model)

    def writer(self, model: str) -> ChunkWriter:
        return ChunkWriter(
            id=self._id, created=self._created, model=model, include_usage=self._include_usage
        )

    def choice_writer(self, model: str, index: int) -> ChoiceWriter:
        return ChoiceWriter(
            id=self._id,
            created=self._created,
            model=model,
            include_usage=self._include_usage,
            index=index,
        )
