"""What a strict client of each API takes an answer for: whole, or an error. Anything else is wrong.

Nothing here is the gateway's own code: streams of Bedrock's are read with botocore's parser.
"""

import json
from typing import Any, NamedTuple

from botocore.eventstream import EventStreamBuffer, ParserError

CLEAN_ERRORS = {429, 502, 503, 504}  # none of the gateway's own making


class Wrong(Exception):
    """An answer that is neither whole nor a clean error."""


class Told(NamedTuple):
    """A whole answer: its text, and the tokens of its input where it says them."""

    text: str
    input_tokens: int | None


class Failed(NamedTuple):
    """A clean error, as a status or at the end of a stream."""

    status: int


Outcome = Told | Failed


class Chat:
    """OpenAI's chat completions."""

    path = "/v1/chat/completions"

    def body(self, model: str, prompt: str, stream: bool) -> dict[str, Any]:
        """What to post."""
        messages = [{"role": "user", "content": prompt}]
        asked = {"model": model, "messages": messages, "max_tokens": 50, "stream": stream}
        return {**asked, "stream_options": {"include_usage": True}} if stream else asked

    def path_for(self, model: str, stream: bool) -> str:
        """Where to post it."""
        return self.path

    def error(self, status: int, headers: dict[str, str], body: Any) -> bool:
        """Whether that is how this API says an error."""
        return set(body) == {"error"} and isinstance(body["error"]["message"], str)

    def whole(self, body: Any) -> Told:
        """Of a 200 without a stream."""
        [choice] = body["choices"]
        _expect(body["object"] == "chat.completion" and choice["finish_reason"] == "stop", body)
        return Told(choice["message"]["content"], body["usage"]["prompt_tokens"])

    def stream(self, data: bytes) -> Outcome:
        """Of the body of a stream."""
        events = [_line(event, b"data: ") for event in _events(data)]
        text, tokens, stopped = "", None, False
        for number, event in enumerate(events, 1):
            last = number == len(events)
            if event == b"[DONE]":
                _expect(last and stopped, data)
                return Told(text, tokens)
            chunk = json.loads(event)
            if "error" in chunk:
                _expect(last and isinstance(chunk["error"]["message"], str), data)
                return Failed(200)
            _expect(chunk["object"] == "chat.completion.chunk", data)
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
                stopped = stopped or choice["finish_reason"] == "stop"
            if chunk.get("usage"):
                tokens = chunk["usage"]["prompt_tokens"]
        raise Wrong(f"a stream without its end: {data[-200:]!r}")


class Messages(Chat):
    """Anthropic's Messages."""

    path = "/v1/messages"

    def body(self, model: str, prompt: str, stream: bool) -> dict[str, Any]:
        messages = [{"role": "user", "content": prompt}]
        return {"model": model, "messages": messages, "max_tokens": 50, "stream": stream}

    def error(self, status: int, headers: dict[str, str], body: Any) -> bool:
        return body["type"] == "error" and isinstance(body["error"]["message"], str)

    def whole(self, body: Any) -> Told:
        _expect(body["type"] == "message" and body["stop_reason"] == "end_turn", body)
        text = "".join(block["text"] for block in body["content"])
        return Told(text, body["usage"]["input_tokens"])

    def stream(self, data: bytes) -> Outcome:
        text, tokens = "", None
        kinds: list[str] = []
        for block in _events(data):
            name, _, line = block.partition(b"\n")
            event = json.loads(_line(line, b"data: "))
            kind = _line(name, b"event: ").decode()
            _expect(event["type"] == kind and "message_stop" not in kinds, data)
            _expect(not kinds or kinds[-1] != "error", data)
            kinds.append(kind)
            if kind == "content_block_delta":
                text += event["delta"]["text"]
            elif kind == "message_delta":
                _expect(event["delta"]["stop_reason"] == "end_turn", data)
                tokens = event["usage"]["input_tokens"]
        if kinds and kinds[-1] == "error":
            return Failed(200)
        _expect(kinds[:1] == ["message_start"] and kinds[-1:] == ["message_stop"], data)
        return Told(text, tokens)


class Converse(Chat):
    """Bedrock's Converse and ConverseStream."""

    def path_for(self, model: str, stream: bool) -> str:
        return f"/model/{model}/converse{'-stream' if stream else ''}"

    def body(self, model: str, prompt: str, stream: bool) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": [{"text": prompt}]}]}

    def error(self, status: int, headers: dict[str, str], body: Any) -> bool:
        return isinstance(body["message"], str) and bool(headers.get("x-amzn-errortype"))

    def whole(self, body: Any) -> Told:
        _expect(body["stopReason"] == "end_turn", body)
        text = "".join(block["text"] for block in body["output"]["message"]["content"])
        return Told(text, body["usage"]["inputTokens"])

    def stream(self, data: bytes) -> Outcome:
        buffer = EventStreamBuffer()
        buffer.add_data(data)
        try:
            frames: list[Any] = list(buffer)  # the stubs think of integers
        except ParserError as error:
            raise Wrong(f"no event stream: {error}") from error
        read = sum(frame.prelude.total_length for frame in frames)
        _expect(read == len(data), data)
        text, tokens = "", None
        kinds: list[str] = []
        for frame in frames:
            headers, event = frame.headers, json.loads(frame.payload)
            _expect(not kinds or kinds[-1] not in ("error", "metadata"), data)
            if headers[":message-type"] == "exception":
                _expect(headers[":exception-type"].endswith("Exception"), data)
                kinds.append("error")
                continue
            kinds.append(headers[":event-type"])
            if kinds[-1] == "contentBlockDelta":
                text += event["delta"]["text"]
            elif kinds[-1] == "metadata":
                tokens = event["usage"]["inputTokens"]
        if kinds and kinds[-1] == "error":
            return Failed(200)
        _expect(kinds[-2:] == ["messageStop", "metadata"], data)
        return Told(text, tokens)


def read(surface: Chat, stream: bool, status: int, headers: dict[str, str], body: bytes) -> Outcome:
    """What a response is. Raises Wrong if it is nothing that it may be."""
    try:
        if status != 200:
            _expect(
                status in CLEAN_ERRORS and surface.error(status, headers, json.loads(body)), body
            )
            return Failed(status)
        return surface.stream(body) if stream else surface.whole(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Wrong(f"HTTP {status}: {error!r} in {body[-300:]!r}") from error


def _events(data: bytes) -> list[bytes]:
    _expect(data.endswith(b"\n\n"), data)
    return data[:-2].split(b"\n\n")


def _line(line: bytes, start: bytes) -> bytes:
    _expect(line.startswith(start) and b"\n" not in line, line)
    return line[len(start) :]


def _expect(true: bool, what: Any) -> None:
    if not true:
        raise Wrong(f"not of its form: {str(what)[-300:]}")
