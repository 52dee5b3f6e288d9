"""One HTTP request and its response, on bare ASGI."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from contextlib import suppress
from random import getrandbits
from typing import TYPE_CHECKING, Any

from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.surfaces.dialects import OPENAI, Dialect
from workloads.gateway.usage import Usage

if TYPE_CHECKING:
    from workloads.gateway.seen.traces import Trace

# Converse's own limit for a request is 25,000,000 bytes.
MAX_BODY = 25_000_000
BODY_SECONDS = 300  # how long it may take to arrive, once it has begun
WATCH_SECONDS = 0.1  # most that fails does so sooner; then it is watched whether the client stays
LAST_EVENT_SECONDS = 3  # how long a client may take to make room for the error that ends its stream

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLIENT_GONE = 499  # nginx's number for it; only ever counted, never sent


class ClientGone(Exception):
    """The client has closed the connection: there is nobody left to answer."""


class Exchange:
    """A request, and the one response to it. `outcome` is the status that is counted.

    `tenant` and `model` are the names to count it under, once they are known. `dialect` is how the
    client wants to be told of errors. The rest is what is noted of it at its end; times are those
    of time.perf_counter.
    """

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._send = send
        self.dialect: Dialect = OPENAI
        # The milliseconds first, so that a ledger adds its newest requests at its end.
        self.request_id = f"req_{int(time.time() * 1000):012x}{getrandbits(48):012x}"
        self.request: dict[str, Any] = {}  # the JSON of the body, and its `size` in bytes
        self.size = 0
        self.tenant = ""
        self.model = ""
        self.outcome = 0
        self.began = time.perf_counter()
        self.first_token_at = 0.0  # of a stream
        self.key_id = ""
        self.attempts = 0  # at any model
        self.answered_by = ""  # the model, once one has
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.failure: ApiError | None = None
        self.trace: Trace | None = None
        self.started = False
        self.gone = False
        self.expired = False  # its deadline has passed
        self._gone_cancelled = False
        self.limits: Iterable[tuple[bytes, bytes]] = ()  # headers that tell what is left of them
        self.settles = False  # the work's backend bills the whole answer, read or not

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    async def body(self) -> bytes:
        """The whole request body. Raises ApiError 408 and 413, ClientGone."""
        length = self.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > MAX_BODY:
            raise _too_large()
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            whole: bytes = message.get("body", b"")
            return whole
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._rest(message)
        except TimeoutError:
            text = f"the request did not arrive within {BODY_SECONDS} s"
            raise ApiError(408, text, code="request_timeout") from None

    async def _rest(self, message: Message) -> bytes:
        parts, size = [], 0
        while message["type"] == "http.request":
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > MAX_BODY:
                raise _too_large()
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self._receive()
        raise ClientGone

    async def unless_gone(self, work: Coroutine[Any, Any, None], deadline: float) -> None:
        """Do `work` after the body was read, within `deadline` seconds.

        Raises ClientGone if the client goes, and ApiError 504 if the time is over; `work` is
        cancelled then. If it `settles`, it is done to its end for a client that is gone.
        """
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()

        def expire() -> None:
            self.expired = True
            task.cancel()

        waiting: list[asyncio.TimerHandle | asyncio.Task[None]] = []

        def watch() -> None:
            rest = deadline - WATCH_SECONDS
            waiting[:] = [loop.create_task(self._watch(task)), loop.call_later(rest, expire)]

        waiting.append(loop.call_later(WATCH_SECONDS, watch))
        try:
            await work
        except (asyncio.CancelledError, ApiError) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            if cancelled and (self._gone_cancelled or self.expired):
                task.uncancel()
            elif cancelled or not self.gone:
                raise
            if not self.gone:
                message = f"there was no whole answer within {deadline:g} s"
                raise unavailable(message, 504) from None
        finally:
            for one in waiting:
                one.cancel()
        if self.gone:
            raise ClientGone

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if not self.settles:
            self._gone_cancelled = True
            task.cancel()

    async def respond(
        self,
        status: int,
        body: bytes,
        content_type: bytes = b"application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """The whole response at once."""
        length = str(len(body)).encode()
        await self._start(status, content_type, headers, (b"content-length", length))
        await self._send({"type": "http.response.body", "body": body})

    async def start_events(self, headers: Mapping[str, str]) -> None:
        """Begin a stream of events; nothing between here and the client may buffer."""
        self.first_token_at = time.perf_counter()
        await self._start(200, self.dialect.events, headers, *_UNBUFFERED)

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data})

    async def fail(self, error: ApiError) -> None:
        """The error as a response; inside a stream as its last event."""
        self.outcome, self.failure = error.status, error
        if self.started:
            with suppress(TimeoutError):  # one that reads nothing any more is not waited for
                async with asyncio.timeout(LAST_EVENT_SECONDS):
                    await self.end(self.dialect.last_event(error, self.request_id))
            return
        headers = self.dialect.failure_headers(error)
        if error.retry_after is not None:
            headers["retry-after"] = str(error.retry_after)
        if not error.retry:
            headers["x-should-retry"] = "false"
        body = self.dialect.failure(error, self.request_id)
        await self.respond(self.dialect.status(error), body, headers=headers)

    async def _start(
        self,
        status: int,
        content_type: bytes,
        headers: Mapping[str, str] | None,
        *more: tuple[bytes, bytes],
    ) -> None:
        self.started = True
        self.outcome = self.outcome or status
        head = [
            (b"content-type", content_type),
            (self.dialect.request_id, self.request_id.encode()),
            *more,
            *self.limits,
        ]
        for name, value in (headers or {}).items():
            head.append((name.encode(), value.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": head})


_UNBUFFERED = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


def _too_large() -> ApiError:
    return ApiError(413, f"the request is larger than {MAX_BODY:,} bytes", code="request_too_large")
