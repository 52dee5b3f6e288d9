"""What the chaotic backend does to a request, and what its answers look like on the wire."""

import json
import random
import struct
from enum import Enum
from zlib import crc32

from benchmarks.gateway.fake_bedrock import frame


class Fault(Enum):
    """How one answer goes wrong, or that it does not."""

    NONE = "answers"
    SPLIT = "answers, cut anywhere into packets"
    DRIP = "answers slowly"
    THROTTLE = "throttles"
    FAIL = "fails"
    STALL = "says nothing"
    STALL_HALFWAY = "stops in the middle and keeps the connection"
    CUT = "closes in the middle"
    UNENDED = "says everything but the end of the HTTP body, and closes"
    TOO_SHORT = "says its body is shorter than it is"
    TOO_LONG = "says its body is longer than it is"
    FRAME_LENGTH = "says a frame of its stream is longer than it is"
    CHECKSUM = "sends a frame with a wrong checksum"
    ERROR_FIRST = "begins its stream with an error"
    ERROR_HALFWAY = "ends its stream with an error"
    GARBAGE = "sends bytes that mean nothing"
    NONSENSE = "sends JSON of another form"
    NOT_HTTP = "does not speak HTTP"


# Of a hundred requests. The rest answers.
WEIGHTS = {
    **dict.fromkeys(Fault, 2),
    Fault.SPLIT: 10,
    Fault.DRIP: 3,
    Fault.THROTTLE: 7,
    Fault.FAIL: 4,
    Fault.STALL: 1,
    Fault.STALL_HALFWAY: 1,
}
WEIGHTS[Fault.NONE] = 100 - sum(WEIGHTS.values()) + WEIGHTS[Fault.NONE]
# What only a stream can do; a whole answer breaks off instead.
OF_STREAMS = {Fault.FRAME_LENGTH, Fault.CHECKSUM, Fault.ERROR_FIRST, Fault.ERROR_HALFWAY}


def choose(chance: random.Random, streamed: bool) -> Fault:
    """One fault for one request."""
    [fault] = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
    return Fault.CUT if fault in OF_STREAMS and not streamed else fault


def error_frame(name: str) -> bytes:
    """The frame with which a stream of Bedrock's fails."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _framed(headers, json.dumps({"message": "chaos"}).encode())


def payload_part(data: bytes) -> bytes:
    """A frame of a SageMaker endpoint's stream, with what its container has written."""
    headers = {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return _framed(headers, data)


def longer_than_it_is(whole: bytes) -> bytes:
    """A frame whose prelude, checksum and all, promises more than comes."""
    total, headers = struct.unpack_from(">II", whole)
    return _sealed(whole[12 : 12 + headers], whole[12 + headers : -4], total + 1000)


def _framed(headers: dict[str, str], payload: bytes) -> bytes:
    block = b"".join(
        bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
        for key, value in headers.items()
    )
    return _sealed(block, payload, 16 + len(block) + len(payload))


def _sealed(block: bytes, payload: bytes, total: int) -> bytes:
    prelude = struct.pack(">II", total, len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def bedrock_pieces(pieces: list[str], tokens: tuple[int, int]) -> list[bytes]:
    """The frames of a ConverseStream; `tokens` in and out stand in the last."""
    usage = {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)}
    return [
        frame("messageStart", {"role": "assistant"}),
        *(
            frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
            for piece in pieces
        ),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": "end_turn"}),
        frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
    ]


def bedrock_whole(pieces: list[str], tokens: tuple[int, int]) -> bytes:
    """Converse's answer."""
    message = {"role": "assistant", "content": [{"text": "".join(pieces)}]}
    usage = {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)}
    answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
    return json.dumps(answer).encode()


def openai_pieces(pieces: list[str], tokens: tuple[int, int]) -> list[bytes]:
    """The events of an OpenAI-compatible server's stream; usage in the last but `[DONE]`."""

    def event(delta: dict[str, str], reason: str | None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({"choices": [choice], **more})

    return [
        *(event({"content": piece}, None) for piece in pieces),
        event({}, "stop"),
        _event({"choices": [], "usage": _openai_usage(tokens)}),
        b"data: [DONE]\n\n",
    ]


def openai_whole(pieces: list[str], tokens: tuple[int, int]) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": "".join(pieces)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**_HEAD, "object": "chat.completion", "choices": [choice]}
    return json.dumps({**answer, "usage": _openai_usage(tokens)}).encode()


def openai_error() -> bytes:
    """The event with which a stream fails."""
    return b'data: {"error": {"message": "chaos", "type": "server_error", "code": 500}}\n\n'


_HEAD = {"id": "chatcmpl-chaos", "object": "chat.completion.chunk", "created": 1, "model": "own"}


def _event(content: dict[str, object]) -> bytes:
    return b"data: " + json.dumps({**_HEAD, **content}).encode() + b"\n\n"


def _openai_usage(tokens: tuple[int, int]) -> dict[str, int]:
    return {
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "total_tokens": sum(tokens),
    }
