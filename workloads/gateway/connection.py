"""One connection of a client: uvicorn's, that sends a response's head with what follows it."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """Spares every response a write, which costs as much as a tenth of all else that is done."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_HeadsKept(transport, self))  # type: ignore[arg-type]


class _HeadsKept:
    """The transport of a connection. uvicorn writes a head, then at once what comes behind it."""

    def __init__(self, transport: asyncio.Transport, connection: HttpToolsProtocol) -> None:
        self._transport = transport
        self._connection = connection
        self._head = b""

    def __getattr__(self, name: str) -> Any:  # whatever else a transport can do
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and self._has_body(data):
            self._head = data
            return
        self._transport.write(data)

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self._transport.close()

    def _has_body(self, head: bytes) -> bool:
        """Not "100 Continue", nor a head where no more was asked for."""
        scope = self._connection.scope or {}  # none yet, where what has come is no request
        return not head.startswith(b"HTTP/1.1 1") and scope.get("method") != "HEAD"
