"""A Bedrock that costs next to nothing: rendered answers over a raw socket protocol.

    python -m benchmarks.gateway.fake_bedrock DELTAS

Prints its port. A `converse-stream` answer is DELTAS text deltas in the real event stream, all in
one write, so that the gateway and not the upstream is what is measured. A model with `slow` in its
id takes a second for every token, up to the request's `maxTokens`.
"""

import asyncio
import json
import re
import struct
import sys
from typing import Any
from zlib import crc32

import uvloop

HEAD = "HTTP/1.1 200 OK\r\ncontent-type: {}\r\n{}\r\n\r\n"
EVENT_STREAM = "application/vnd.amazon.eventstream"
USAGE = {"inputTokens": 60, "outputTokens": 32, "totalTokens": 92}
TEXT = " some generated text"
TOKEN_SECONDS = 1.0


def frame(kind: str, content: dict[str, object]) -> bytes:
    """One event in the framing of AWS event streams."""
    names = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
        for name, value in names.items()
    )
    payload = json.dumps(content).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


DELTA = frame(
    "contentBlockDelta",
    {"contentBlockIndex": 0, "delta": {"text": TEXT}, "p": "abcdefghijklmno"},
)
BEGIN = frame("messageStart", {"role": "assistant"})
END = (
    frame("contentBlockStop", {"contentBlockIndex": 0})
    + frame("messageStop", {"stopReason": "end_turn"})
    + frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
)


def whole(deltas: int) -> bytes:
    """The same text as one answer."""
    message = {"role": "assistant", "content": [{"text": TEXT * deltas}]}
    answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE}
    return json.dumps(answer).encode()


class Connection(asyncio.Protocol):
    """Answers every request of a connection by its path."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            _, _, after = head.lower().partition(b"content-length:")
            size = end + 4 + int(after.split(b"\r\n", 1)[0])
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
            path = head.split(b" ", 2)[1]
            if b"slow" in path:
                most = re.search(rb'"maxTokens":\s*(\d+)', body)
                self._drip(int(most[1]) if most else 10)
            else:
                self._transport.write(self._answers[path.rpartition(b"/")[2]])

    def _drip(self, tokens: int) -> None:
        head = HEAD.format(EVENT_STREAM, "transfer-encoding: chunked").encode()
        self._transport.write(head + _chunk(BEGIN))
        self._token(tokens)

    def _token(self, left: int) -> None:
        if self._transport.is_closing():
            return
        if not left:
            self._transport.write(_chunk(END) + _chunk(b""))
            return
        self._transport.write(_chunk(DELTA))
        asyncio.get_running_loop().call_later(TOKEN_SECONDS, self._token, left - 1)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def main(deltas: int) -> None:
    """Serve until killed."""
    answers = {}
    for name, body, kind in (
        (b"converse", whole(deltas), "application/json"),
        (b"converse-stream", BEGIN + DELTA * deltas + END, EVENT_STREAM),
    ):
        answers[name] = HEAD.format(kind, f"content-length: {len(body)}").encode() + body
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
