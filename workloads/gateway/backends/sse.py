"""The server-sent events of an OpenAI-compatible server."""

from typing import Any

import orjson

from workloads.gateway.call import Call, Json
from workloads.gateway.errors import ApiError, redact, unavailable
from workloads.gateway.usage import Usage

MAX_EVENT = 16 * 1024 * 1024  # a longer one is not an event but a server gone wrong


class EventReader:
    """Reads the events of one stream and gives each chunk to `_written`.

    Works on bytes as they arrive: an event may be split anywhere. `done` once the server has said
    `[DONE]`; `failure` once an event was an error or no chunk at all, after which no more is read.
    """

    def __init__(self, call: Call, name: str) -> None:
        self._call = call
        self._name = name
        self._rest = b""
        self.done = False
        self.failure: ApiError | None = None

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the events that `data` completes."""
        buffer = (self._rest + data).replace(b"\r\n", b"\n")
        whole, _, self._rest = buffer.rpartition(b"\n\n")
        if len(self._rest) > MAX_EVENT:
            self.failure = unavailable(f"{self._name} sent an endless event", status=502)
        return b"".join(self._event(event.strip(b"\n")) for event in whole.split(b"\n\n"))

    def finish(self) -> bytes:
        """The end of the answer. Raises ApiError if the server closed the stream before it."""
        if self._rest.strip() == b"data: [DONE]":  # without its blank line
            self.done = True
        if not self.done:
            raise unavailable(f"{self._name} broke off its answer", status=502)
        return b""

    def _event(self, event: bytes) -> bytes:
        if self.done or self.failure or not event:
            return b""
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data == b"[DONE]":
            self.done = True
            return b""
        if not data:  # a comment keeps a connection alive that is not the client's
            return b""
        try:
            chunk = orjson.loads(data)
            if chunk.get("error") or chunk.get("object") == "error":
                self.failure = stream_error(self._name, chunk)
                return b""
            if (usage := Usage.from_openai(chunk.get("usage"))) is not None:
                self._call.usage = usage
            return self._written(chunk, event)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            self.failure = unavailable(f"{self._name} sent no chunk of an answer", status=502)
            return b""

    def _written(self, chunk: Json, event: bytes) -> bytes:
        raise NotImplementedError


class Relay(EventReader):
    """Passes chunks on unchanged, but for `[DONE]` and usage that nobody asked for.

    Each is read all the same: what is no chunk would make the client fail in ways of its own.
    """

    def __init__(self, call: Call, name: str) -> None:
        super().__init__(call, name)
        options: Any = (call.chat or {}).get("stream_options") or {}
        self._include_usage = bool(options.get("include_usage"))

    def finish(self) -> bytes:
        return super().finish() + b"data: [DONE]\n\n"

    def _written(self, chunk: Json, event: bytes) -> bytes:
        choices = chunk["choices"]
        if not isinstance(choices, list):
            raise TypeError("no chunk")
        hidden = chunk.get("usage") and not choices and not self._include_usage
        return b"" if hidden else event + b"\n\n"


def stream_error(name: str, chunk: Json) -> ApiError:
    """The error that an OpenAI-compatible server sends inside a stream."""
    error = chunk.get("error")
    message = error.get("message") if isinstance(error, dict) else chunk.get("message")
    detail = f": {redact(message)}" if isinstance(message, str) and message else ""
    return unavailable(f"{name} failed{detail}", status=502)
