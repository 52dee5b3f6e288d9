"""A Bedrock, an OpenAI-compatible server and a SageMaker endpoint in one, not to be relied on.

What it does to a request follows from the seed, the request's tag and how often the tag was asked
before. It keeps its own account of every attempt: each has a number of its own, which it reports as
the tokens of the input, so that no two can be taken for each other.
"""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field

from benchmarks.gateway.chaos import faults
from benchmarks.gateway.chaos.faults import Fault
from benchmarks.gateway.fake_bedrock import frame

EVENT_STREAM, SSE = "application/vnd.amazon.eventstream", "text/event-stream"
WORDS = ["chips", "of", "silicon", "„Größe“", "🦊", "\n\n", "data:", "[DONE]", '"', "\\", "in", "a"]


@dataclass
class Attempt:
    """One request that came. `told` is when its tokens were written, in monotonic seconds."""

    number: int
    tag: int
    model: str | None  # the one that answers in OpenAI's form; None: one of Bedrock's
    streamed: bool
    fault: Fault
    pieces: list[str]
    told: float | None = None

    @property
    def own(self) -> bool:
        """Whether it is in OpenAI's form, and ends where its client does."""
        return self.model is not None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> tuple[int, int]:
        """In and out."""
        return self.number, len(self.pieces)


@dataclass
class Backend:
    """The server, on `port` once it has started."""

    seed: int
    attempts: dict[int, Attempt] = field(default_factory=dict)
    port: int = 0

    async def start(self) -> None:
        """Serve until the event loop ends."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._asked: dict[int, int] = {}

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if not await Answer(self._attempt(head, body), writer, reader).send():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway has hung up, or was killed
        finally:
            writer.close()

    def _attempt(self, head: bytes, body: bytes) -> Attempt:
        path = head.split(b" ", 2)[1]
        model = None
        if path.endswith(b"/chat/completions"):
            model = "own"
        elif path.startswith(b"/endpoints/"):
            model = "endpoint"
        found = re.search(rb"tag-(\d+)", body)
        assert found is not None
        tag = int(found[1])
        times = self._asked[tag] = self._asked.get(tag, 0) + 1
        chance = random.Random(f"{self.seed} {tag} {times}")
        streamed = path.endswith(b"-stream") or (model == "own" and json.loads(body)["stream"])
        number = len(self.attempts) + 1
        words = chance.choices(WORDS, k=chance.randrange(3, 40))
        attempt = Attempt(
            number=number,
            tag=tag,
            model=model,
            streamed=streamed,
            fault=faults.choose(chance, streamed),
            pieces=[f"attempt-{number} at tag-{tag}:", *(f" {word}" for word in words)],
        )
        self.attempts[number] = attempt
        return attempt


class Answer:
    """The answer to one attempt, as its fault has it."""

    def __init__(
        self, attempt: Attempt, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self._attempt = attempt
        self._writer = writer
        self._reader = reader
        self._chance = random.Random(attempt.number)
        self._framed = attempt.model != "own"

    async def send(self) -> bool:
        """Whether the connection may be used again."""
        attempt = self._attempt
        match attempt.fault:
            case Fault.THROTTLE:
                retry = self._chance.choice(["", "retry-after: 1\r\n", "retry-after: 30\r\n"])
                await self._error(429, "ThrottlingException", retry)
                return True
            case Fault.FAIL:
                status = self._chance.choice([500, 503])
                name = "InternalServerException" if status == 500 else "ServiceUnavailableException"
                await self._error(status, name)
                return True
            case Fault.STALL:
                await self._silence()
                return False
            case Fault.NOT_HTTP:
                await self._write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n" + self._chance.randbytes(100))
                return False
        if attempt.streamed:
            return await self._stream()
        return await self._whole()

    async def _whole(self) -> bool:
        attempt = self._attempt
        make = faults.openai_whole if attempt.own else faults.bedrock_whole
        body = make(attempt.pieces, attempt.tokens)
        length = len(body)
        match attempt.fault:
            case Fault.GARBAGE:
                body = self._chance.choice([b"<html>oops</html>", self._chance.randbytes(200)])
                length = len(body)
            case Fault.NONSENSE:
                body = self._chance.choice([b"[]", b"null", b'{"output": {"message": 5}}', b"{}"])
                length = len(body)
            case Fault.TOO_SHORT:
                length = self._chance.randrange(1, length)
            case Fault.TOO_LONG:
                length += self._chance.randrange(1, 100)
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
        half = self._chance.randrange(len(body))
        await self._write(head.encode())
        match attempt.fault:
            case Fault.CUT | Fault.UNENDED | Fault.STALL_HALFWAY:
                await self._write(body[:half])
                if attempt.fault is Fault.STALL_HALFWAY:
                    await self._silence()
                return False
            case Fault.SPLIT | Fault.DRIP:
                await self._in_parts(body)
            case _:
                await self._write(body)
        if attempt.fault in (Fault.NONE, Fault.SPLIT, Fault.DRIP):
            attempt.told = time.monotonic()
            return True
        return attempt.fault in (Fault.GARBAGE, Fault.NONSENSE, Fault.TOO_SHORT)

    async def _stream(self) -> bool:
        attempt, chance = self._attempt, self._chance
        make = faults.openai_pieces if attempt.own else faults.bedrock_pieces
        sealed = faults.payload_part if self._framed and attempt.own else _as_it_is
        parts = [sealed(part) for part in make(attempt.pieces, attempt.tokens)]
        told = len(parts) - (1 if attempt.own else 0)  # so many parts, and the tokens are known
        half = chance.randrange(1, told)
        broken = parts[half]
        match attempt.fault:
            case Fault.ERROR_FIRST | Fault.ERROR_HALFWAY:
                half = half if attempt.fault is Fault.ERROR_HALFWAY else chance.randrange(2)
                name = chance.choice(["throttlingException", "modelStreamErrorException"])
                if attempt.own and (not self._framed or chance.random() < 0.5):
                    error = sealed(faults.openai_error())
                else:
                    error = faults.error_frame("internalStreamFailure" if attempt.own else name)
                parts = [*parts[:half], error]
            case Fault.GARBAGE:
                garbage = chance.randbytes(300)
                event = b"data: " + garbage.replace(b"\n", b"") + b"\n\n"
                parts[half:half] = [sealed(event) if attempt.own else garbage]
            case Fault.NONSENSE:
                nonsense = frame("contentBlockDelta", {"delta": 5})
                parts[half:half] = [sealed(b"data: [1]\n\n") if attempt.own else nonsense]
            case Fault.CHECKSUM:
                parts[half] = broken[:-1] + b"\0\0" if self._framed else b"data: {broken\n\n"
            case Fault.FRAME_LENGTH:
                longer = faults.longer_than_it_is(broken) if self._framed else b""
                parts[half] = longer or broken.removesuffix(b"\n\n")
            case Fault.CUT | Fault.STALL_HALFWAY:
                parts = [*parts[:half], broken[: chance.randrange(len(broken))]]
        return await self._send_parts(parts, told)

    async def _send_parts(self, parts: list[bytes], told: int) -> bool:
        attempt, fault = self._attempt, self._attempt.fault
        length = len(b"".join(parts))
        chunked = True
        framing = "transfer-encoding: chunked"
        if fault in (Fault.TOO_SHORT, Fault.TOO_LONG):
            chunked = False
            # Too short by what it says of the tokens, at least.
            wrong = -len(b"".join(parts[told - 1 :])) if fault is Fault.TOO_SHORT else 50
            framing = f"content-length: {length + wrong}"
        content_type = EVENT_STREAM if self._framed else SSE
        await self._write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{framing}\r\n\r\n".encode()
        )
        good = fault in (Fault.NONE, Fault.SPLIT, Fault.DRIP, Fault.UNENDED, Fault.TOO_LONG)
        if fault is Fault.SPLIT:
            await self._in_parts(b"".join(parts), chunked=True)
        else:
            for number, part in enumerate(parts, 1):
                await self._write(_chunk(part) if chunked else part)
                if number == told and good:
                    attempt.told = time.monotonic()
                await asyncio.sleep(0.02 if fault is Fault.DRIP else 0)
        if good and attempt.told is None:
            attempt.told = time.monotonic()
        if fault is Fault.STALL_HALFWAY:
            await self._silence()
        if not chunked or fault in (Fault.CUT, Fault.STALL_HALFWAY, Fault.UNENDED):
            return False
        await self._write(_chunk(b""))
        return True

    async def _in_parts(self, data: bytes, chunked: bool = False) -> None:
        while data:
            size = self._chance.randrange(1, 200)
            await self._write(_chunk(data[:size]) if chunked else data[:size])
            data = data[size:]
            await asyncio.sleep(0.02 if self._attempt.fault is Fault.DRIP else 0)

    async def _error(self, status: int, name: str, headers: str = "") -> None:
        body = b'{"message": "chaos"}'
        head = f"HTTP/1.1 {status} Chaos\r\nx-amzn-errortype: {name}\r\n{headers}"
        length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        await self._write((head + length).encode() + body)

    async def _silence(self) -> None:
        """Until the gateway has had enough of it."""
        while await self._reader.read(1000):
            pass

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b"0\r\n\r\n"


def _as_it_is(part: bytes) -> bytes:
    return part
