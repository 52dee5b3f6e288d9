"""Relays the server-sent events of an OpenAI-compatible server, reading as little as it must."""

from typing import Any

import orjson

from workloads.gateway.backends.chat import Chat
from workloads.gateway.errors import ApiError, redact, unavailable
from workloads.gateway.usage import Usage

MAX_EVENT = 16 * 1024 * 1024  # a longer one is not an event but a server gone wrong


class Relay:
    """Passes events on unchanged, but for the usage chunk and `[DONE]`, which are taken out.

    Works on bytes as they arrive: an event may be split anywhere. Sets `chat.usage`; `done` once
    the server has said `[DONE]`; and `failure` once an event was an error or no event at all,
    after which nothing is passed on.
    """

    def __init__(self, chat: Chat, name: str) -> None:
        self._chat = chat
        self._name = name
        self._rest = b""
        self.done = False
        self.failure: ApiError | None = None

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the events that `data` completes."""
        whole_events = not self._rest and data.startswith(b"data:") and data.endswith(b"\n\n")
        if whole_events and not self.done and not _is_special(data):
            return data
        buffer = (self._rest + data).replace(b"\r\n", b"\n")
        whole, _, self._rest = buffer.rpartition(b"\n\n")
        if len(self._rest) > MAX_EVENT:
            self.failure = unavailable(f"{self._name} sent an endless event", status=502)
        return b"".join(self._passed(event) for event in whole.split(b"\n\n"))

    def finish(self) -> None:
        """The server has closed the stream. Raises ApiError if that was too early."""
        if self._rest.strip() == b"data: [DONE]":  # without its blank line
            self.done = True
        if not self.done:
            raise unavailable(f"{self._name} broke off its answer", status=502)

    def _passed(self, event: bytes) -> bytes:
        event = event.strip(b"\n")
        if self.done or self.failure or not event:
            return b""
        if event.startswith(b":") and b"\ndata:" not in event:
            return b""  # a comment keeps a connection alive that is not the client's
        if _is_special(event):
            lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
            data = b"\n".join(lines)
            if data == b"[DONE]":
                self.done = True
                return b""
            try:
                if data and not self._is_for_client(orjson.loads(data)):
                    return b""
            except (orjson.JSONDecodeError, AttributeError):
                self.failure = unavailable(f"{self._name} sent no chunk of an answer", status=502)
                return b""
        return event + b"\n\n"

    def _is_for_client(self, chunk: dict[str, Any]) -> bool:
        if chunk.get("error") or chunk.get("object") == "error":
            self.failure = stream_error(self._name, chunk)
            return False
        if (usage := Usage.from_openai(chunk.get("usage"))) is not None:
            self._chat.usage = usage
            return bool(chunk.get("choices")) or self._chat.include_usage
        return True


def stream_error(name: str, chunk: dict[str, Any]) -> ApiError:
    """The error that an OpenAI-compatible server sends inside a stream."""
    error = chunk.get("error")
    message = error.get("message") if isinstance(error, dict) else chunk.get("message")
    detail = f": {redact(message)}" if isinstance(message, str) and message else ""
    return unavailable(f"{name} failed{detail}", status=502)


def _is_special(data: bytes) -> bool:
    # Inside a JSON string the quotes would be escaped, so generated text never matches.
    return b'"usage"' in data or b'"error"' in data or b"[DONE]" in data
