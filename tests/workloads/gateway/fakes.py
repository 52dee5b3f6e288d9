"""Real HTTP servers on loopback that answer as Bedrock, SageMaker and OpenAI's servers do.

One server plays all three, by path. A test says what a model answers, byte by byte where it
matters, and reads what arrived.
"""

import asyncio
import json
import queue
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from aiohttp import web

from tests.waiting import PATIENCE
from tests.workloads.gateway.fake_guardrail import apply_guardrail


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame of an AWS event stream with text headers."""
    block = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), 7, len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def event(kind: str, content: dict | bytes) -> bytes:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    content_type = "application/octet-stream" if isinstance(content, bytes) else "application/json"
    headers = {":event-type": kind, ":content-type": content_type, ":message-type": "event"}
    return frame(headers, payload)


def exception(kind: str, message: str) -> bytes:
    headers = {
        ":exception-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return frame(headers, json.dumps({"message": message}).encode())


def usage(input: int, output: int, **cached: int) -> dict:
    total = input + output + sum(cached.values())
    return {"inputTokens": input, "outputTokens": output, "totalTokens": total, **cached}


def converse_answer(*blocks: dict, stop: str = "end_turn", tokens: dict | None = None) -> dict:
    return {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": stop,
        "usage": tokens or usage(3, 2),
        "metrics": {"latencyMs": 5},
    }


def converse_stream(texts: Iterable[str], tokens: dict | None = None) -> list[bytes]:
    """The frames of a streamed text, one text block and no start event for it, as Bedrock's."""
    return [
        event("messageStart", {"role": "assistant"}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "ab"})
            for text in texts
        ),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": "end_turn"}),
        event("metadata", {"usage": tokens or usage(3, 2), "metrics": {"latencyMs": 5}}),
    ]


def sse(*objects: dict | str) -> list[bytes]:
    """Server-sent events; a string is sent as it is, such as [DONE]."""
    return [
        f"data: {o if isinstance(o, str) else json.dumps(o, ensure_ascii=False)}\n\n".encode()
        for o in objects
    ]


def openai_chunk(delta: dict | None, model: str = "own", **more: object) -> dict:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": None}]
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return {**chunk, "choices": choices, **more}


def openai_stream(texts: Iterable[str], model: str = "own") -> list[bytes]:
    return sse(
        openai_chunk({"role": "assistant", "content": ""}, model),
        *(openai_chunk({"content": text}, model) for text in texts),
        openai_chunk(None, model, usage={"prompt_tokens": 4, "completion_tokens": 3}),
        "[DONE]",
    )


def openai_completion(text: str, model: str = "own") -> dict:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7},
    }


@dataclass
class Cut:
    """A step of an answer: the connection is closed in the middle."""


@dataclass
class Gate:
    """A step of an answer: it goes on once the test opens the gate."""

    opened: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self.opened.set()


@dataclass
class Answer:
    """What is sent: a body at once, or steps of a stream, each written by itself."""

    body: dict | bytes = b""
    steps: list[bytes | Gate | Cut] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Received:
    """One request as it arrived; `path` is still percent-encoded."""

    path: str
    headers: dict[str, str]
    body: dict


class FakeServices:
    """The server, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer] | Callable[[Received], Answer]] = {}
        self.received: dict[str, list[Received]] = {}
        self.aborted: queue.Queue[str] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "FakeServices":
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def next_aborted(self) -> str:
        """Whose answer was broken off by its client; waits for one that will be."""
        return self.aborted.get(timeout=PATIENCE)

    def answer(self, who: str, *steps: bytes | Gate | Cut, **answer: Any) -> None:
        """Say what `who` answers from now on: a Bedrock model id, an endpoint, a model's name."""
        self.answers[who] = Answer(steps=list(steps) if steps else None, **answer)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._answer)
        # The handler is cancelled when its client goes away, which is how aborts are seen.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        parts = request.raw_path.split("/")
        if request.path == "/":
            who = "dynamodb"
        elif parts[1] == "guardrail":
            who = f"guardrail {unquote(parts[2])}"
        else:
            who = body["model"] if "model" in body else unquote(parts[2])
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.raw_path, headers, body)
        self.received.setdefault(who, []).append(received)
        answer = self.answers.get(who) or Answer(body=apply_guardrail(body))
        if callable(answer):
            answer = answer(received)
        if isinstance(answer, list):  # one after the other; the last one stays
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer.steps is None:
            text = (
                answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            )
            headers = {"content-type": "application/json", **answer.headers}
            return web.Response(body=text, status=answer.status, headers=headers)
        events = "text/event-stream" if "chat" in parts else "application/vnd.amazon.eventstream"
        response = web.StreamResponse(headers={"content-type": events, **answer.headers})
        await response.prepare(request)
        try:
            for step in answer.steps:
                await self._step(request, response, step)
        except (asyncio.CancelledError, ConnectionResetError):
            self.aborted.put(who)
            raise
        return response

    async def _step(
        self, request: web.Request, response: web.StreamResponse, step: bytes | Gate | Cut
    ) -> None:
        match step:
            case Gate():
                while not step.opened.is_set():
                    await asyncio.sleep(0.005)
            case Cut():
                assert request.transport is not None
                request.transport.close()
            case _:
                await response.write(step)
                await asyncio.sleep(0)
