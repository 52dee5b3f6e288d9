"""`/v1/responses`, OpenAI's form: the part of it that keeps no state.

Every backend is asked through the form it has for chat, also one that serves Responses itself:
what such a server keeps of one tenant's answers would be another tenant's to go on with.
"""

import time
from random import getrandbits

from workloads.gateway.call import Json
from workloads.gateway.caller import Caller
from workloads.gateway.errors import ApiError, bad_request
from workloads.gateway.surfaces.chat_request import converse_request
from workloads.gateway.surfaces.dialects import OpenAI
from workloads.gateway.surfaces.events import typed_event
from workloads.gateway.surfaces.links import Link, chat_links
from workloads.gateway.surfaces.responses_request import chat_request
from workloads.gateway.surfaces.responses_response import ResponseWriter, response
from workloads.gateway.usage import Usage


class ResponsesCall:
    """One response that was asked for. Raises ApiError 400."""

    relayed = False
    choices = 1

    def __init__(self, body: Json) -> None:
        model = body.get("model")
        if not isinstance(model, str):
            raise bad_request("model is missing", "model")
        self.model: str = model
        self.stream = bool(body.get("stream"))
        self.caller: Caller | None = None
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = chat_request(body)
        self._chat = self.chat
        self._head = {
            "id": f"resp_{getrandbits(96):024x}",
            "object": "response",
            "created_at": int(time.time()),
            "error": None,
            "incomplete_details": None,
            "previous_response_id": None,
            "store": False,
            "background": False,
            **{key: body.get(key) or value for key, value in _ECHOED.items()},
        }
        self.written: ResponseWriter | None = None

    def links(self) -> list[Link]:
        return chat_links(self._chat["messages"])

    def converse_request(self) -> Json:
        return converse_request(self._chat)

    def answer(self, model: str, answer: Json) -> bytes:
        return response(answer, {**self._head, "model": model})

    def writer(self, model: str) -> ResponseWriter:
        self.written = ResponseWriter({**self._head, "model": model})
        return self.written


# Of the request, repeated in the response, with what is said where it has none.
_ECHOED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}


class Responses(OpenAI):
    """Errors as OpenAI's others, but for an event with a number of its own."""

    def __init__(self, call: ResponsesCall) -> None:
        self._call = call

    def last_event(self, error: ApiError, request_id: str) -> bytes:
        written = self._call.written
        told = error.told()
        event = {
            **told,
            "sequence_number": written.number if written else 0,
            "error": told,  # by which the SDK knows to raise it
        }
        return typed_event("error", {key: event[key] for key in event if key != "type"})
