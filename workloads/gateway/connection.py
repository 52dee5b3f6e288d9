"""One connection of a client: uvicorn's, that writes less often."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 65_536  # kept back; the event loop itself asks to pause above as many


class Connection(HttpToolsProtocol):
    """Sends the head of a response with what follows it, which spares every response a write.

    Where other requests are being answered too, everything waits for the end of the event loop's
    turn: whoever reads on the other side is woken once for many answers, and asks many at once.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Gathered(transport, self))  # type: ignore[arg-type]


class _Gathered:
    """The transport of a connection. uvicorn writes a head, then at once what comes behind it."""

    def __init__(self, transport: asyncio.Transport, connection: HttpToolsProtocol) -> None:
        self._transport = transport
        self._connection = connection
        self._parts: list[bytes] = []
        self._due = False  # at the end of this turn of the event loop
        self.is_closing = transport.is_closing  # asked for every answer

    def __getattr__(self, name: str) -> Any:  # whatever else a transport can do
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        if len(self._connection.tasks) > 1 and len(data) < MOST_BYTES:
            if not self._due:
                self._due = True
                self._connection.loop.call_soon(self._flush)
        elif not self._is_followed(data):
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        self._due = False
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            if not self._transport.is_closing():  # the client may have gone since
                self._transport.write(data)

    def _is_followed(self, data: bytes) -> bool:
        """Whether it is a head, but not "100 Continue", nor one that is all that was asked for."""
        scope = self._connection.scope or {}  # none yet, where what has come is no request
        head = data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1")
        return head and scope.get("method") != "HEAD"
