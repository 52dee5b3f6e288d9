"""`/model/{id}/converse`, `/converse-stream` and `/count-tokens`: Bedrock's own form."""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.caller import Caller
from workloads.gateway.errors import bad_request, redact
from workloads.gateway.event_stream import encode
from workloads.gateway.surfaces.links import Link
from workloads.gateway.usage import Usage


class ConverseCall:
    """One request of Converse, which the backend checks but for its outline.

    Raises ApiError 400.
    """

    relayed = False
    choices = 1

    def __init__(self, model: str, body: Json, *, stream: bool) -> None:
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise bad_request("messages must be a list with at least one message", "messages")
        self.model = model
        self.stream = stream
        self.caller: Caller | None = None
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = None
        self._body = body

    def links(self) -> list[Link]:
        return []

    def converse_request(self) -> Json:
        return dict(self._body)

    def answer(self, model: str, answer: Json) -> bytes:
        if answer["output"]["message"]["content"] is None or answer["stopReason"] is None:
            raise TypeError("no answer")
        return orjson.dumps(_redacted(answer))

    def writer(self, model: str) -> "FrameWriter":
        return FrameWriter()


# What clients go into without a look, by the event it is in.
_OBJECTS = {"contentBlockDelta": "delta", "contentBlockStart": "start", "metadata": "usage"}


class FrameWriter:
    """Writes the events of one ConverseStream as frames again."""

    def __init__(self) -> None:
        self._held = b""  # what comes before the first piece of content
        self._end = b""  # metadata, after which a client looks for nothing more

    def write(self, kind: str, event: Json) -> bytes:
        headers = {
            ":event-type": kind,
            ":content-type": "application/json",
            ":message-type": "event",
        }
        if not isinstance(event.get(_OBJECTS.get(kind, ""), {}), dict):
            raise TypeError(f"no {kind}")
        frame = encode(headers, orjson.dumps(_redacted(event)))
        if kind == "messageStart":
            self._held = frame
            return b""
        if kind == "metadata":
            self._end = frame
            return b""
        held, self._held = self._held, b""
        return held + frame

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        return b"".join([self.write("contentBlockDelta", event) for event in events])

    def finish(self) -> bytes:
        return self._end


def _redacted(answer: Json) -> Json:
    """Without the ARNs that a trace of the guardrail or of a prompt router has."""
    if "trace" not in answer:
        return answer
    return {**answer, "trace": _without_arns(answer["trace"])}


def _without_arns(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): _without_arns(part) for key, part in value.items()}
    return [_without_arns(part) for part in value] if isinstance(value, list) else value
