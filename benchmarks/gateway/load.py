"""Load from closed-loop clients on raw sockets: each asks again as soon as it is answered."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Result:
    """What a number of clients saw, and what it cost the server.

    The processor's time per answer barely depends on what else the machine does meanwhile.
    """

    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


class Client(asyncio.Protocol):
    """One client with one connection; notes how long every answer took, in seconds."""

    def __init__(self, request: bytes, stream: bool, times: list[float]) -> None:
        self._request = request
        self._stream = stream
        self._times = times
        self._buffer = b""
        self.stopped = asyncio.get_running_loop().create_future()
        self.last = b""  # the last whole answer
        self.go_on = True

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_whole():
            return
        self._times.append(time.perf_counter() - self._began)
        self.last, self._buffer = self._buffer, b""
        if self.go_on:
            self._ask()
        else:
            self._transport.close()

    def _is_whole(self) -> bool:
        if self._stream:
            return self._buffer.endswith(b"\r\n0\r\n\r\n")
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        _, _, after = head.partition(b"content-length: ")
        return bool(found) and len(body) == int(after.partition(b"\r\n")[0])

    def connection_lost(self, error: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)


def cpu_seconds(process: int) -> float:
    """The processor time a process has used so far."""
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


async def load(
    port: int, process: int, request: bytes, *, stream: bool, clients: int, seconds: float
) -> tuple[Result, bytes]:
    """Run `clients` for `seconds`, after a warm-up of a fifth of it; and one whole answer."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    crowd = [
        (await loop.create_connection(lambda: Client(request, stream, times), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.sleep(seconds / 5)
    times.clear()
    began, cpu = time.perf_counter(), cpu_seconds(process)
    await asyncio.sleep(seconds)
    took, cpu = time.perf_counter() - began, cpu_seconds(process) - cpu
    measured = sorted(times)
    for client in crowd:
        client.go_on = False
    await asyncio.wait_for(asyncio.gather(*(client.stopped for client in crowd)), 30)
    return (
        Result(
            per_second=len(measured) / took,
            cpu_us=cpu / len(measured) * 1_000_000,
            p50_ms=statistics.median(measured) * 1000,
            p99_ms=measured[int(len(measured) * 0.99)] * 1000,
        ),
        crowd[0].last,
    )
