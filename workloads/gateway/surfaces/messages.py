"""`/v1/messages`, Anthropic's form."""

from random import getrandbits

from workloads.gateway.call import Json
from workloads.gateway.caller import Caller
from workloads.gateway.errors import bad_request
from workloads.gateway.surfaces.links import Link, messages_links
from workloads.gateway.surfaces.messages_request import converse_request
from workloads.gateway.surfaces.messages_response import EventWriter, message
from workloads.gateway.usage import Usage


class MessagesCall:
    """One message that was asked for; only to be counted, it needs no `max_tokens`.

    Raises ApiError 400.
    """

    relayed = False
    choices = 1

    def __init__(self, body: Json, *, counted: bool = False) -> None:
        model = body.get("model")
        if not isinstance(model, str):
            raise bad_request("model: a string is required", "model")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise bad_request("messages: at least one message is required", "messages")
        most = body.get("max_tokens")
        if not counted and (not isinstance(most, int) or most < 1):
            raise bad_request("max_tokens: a positive number is required", "max_tokens")
        self.model: str = model
        self.stream = bool(body.get("stream"))
        self.caller: Caller | None = None
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = None
        self._body = body
        self._id = f"msg_{getrandbits(96):024x}"

    def links(self) -> list[Link]:
        return messages_links(self._body["messages"])

    def converse_request(self) -> Json:
        return converse_request(self._body)

    def answer(self, model: str, answer: Json) -> bytes:
        return message(answer, id=self._id, model=model)

    def writer(self, model: str) -> EventWriter:
        return EventWriter(id=self._id, model=model)
