"""One connection of a client: uvicorn's, that writes less often and looks at headers at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

MOST_BYTES = 65_536  # kept back; the event loop itself asks to pause above as many


class Connection(HttpToolsProtocol):
    """Sends the head of a response with what follows it, which spares every response a write.

    Where other requests are being answered too, everything waits for the end of the event loop's
    turn: whoever reads on the other side is woken once for many answers, and asks many at once.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._gathered = _Gathered(transport, self)
        super().connection_made(self._gathered)  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.send = _Response(cycle, self._gathered).send  # type: ignore[method-assign]
        super()._start_asgi_task(cycle, app)


class _Response:
    """What uvicorn's cycle sends, in its place.

    It wants header names in lower case, and as many bytes as `content-length` says.
    """

    __slots__ = ("_chunked", "_cycle", "_head", "_transport")

    def __init__(self, cycle: RequestResponseCycle, transport: "_Gathered") -> None:
        self._cycle = cycle
        self._transport = transport
        self._head = b""
        self._chunked = False

    async def send(self, message: Mapping[str, Any]) -> None:
        """An ASGI message. Raises RuntimeError for a header that would break the head."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if message["type"] == "http.response.start":
            cycle.response_started = True
            cycle.waiting_for_100_continue = False
            self._head = self._rendered(message["status"], message["headers"])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if cycle.scope["method"] == "HEAD":
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        data, self._head = self._head + body, b""
        if data:
            (self._transport.write_soon if more else self._transport.write)(data)
        if not more:
            cycle.response_complete = True
            cycle.message_event.set()
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.on_response()

    def _rendered(self, status: int, more: list[tuple[bytes, bytes]]) -> bytes:
        cycle = self._cycle
        headers = [*cycle.default_headers, *more]
        values = dict(headers)
        if values.get(b"connection") == b"close":
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append((b"connection", b"close"))
        self._chunked = b"content-length" not in values
        if self._chunked:
            headers.append((b"transfer-encoding", b"chunked"))
        lines = b"\r\n".join(map(b": ".join, headers))
        if not lines.count(b"\r") == lines.count(b"\n") == len(headers) - 1:
            raise RuntimeError("a header holds a line break")
        return b"%b%b\r\n\r\n" % (STATUS_LINE[status], lines)


class _Gathered:
    """The transport of a connection, that writes what comes in one turn of the loop at once."""

    def __init__(self, transport: asyncio.Transport, connection: HttpToolsProtocol) -> None:
        self._transport = transport
        self._connection = connection
        self._parts: list[bytes] = []
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        self._flush()

    def write_soon(self, data: bytes) -> None:
        self._parts.append(data)
        if len(self._connection.tasks) == 1 or len(data) >= MOST_BYTES:
            self._flush()
        elif len(self._parts) == 1:
            self._connection.loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            if not self._transport.is_closing():  # the client may have gone since
                self._transport.write(data)
