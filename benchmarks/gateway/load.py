"""Load from closed-loop clients on raw sockets: each asks again as soon as it is answered."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

MOST_SECONDS = 300  # for the slowest server's answers


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

    def __init__(self, request: bytes, times: list[float]) -> None:
        self._request = request
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
        if self._buffer.endswith(b"\r\n0\r\n\r\n"):  # the last chunk
            return True
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        _, sized, after = head.partition(b"content-length: ")
        return bool(found and sized) and len(body) == int(after.partition(b"\r\n")[0])

    def connection_lost(self, error: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)


class Crowd:
    """Clients that ask `requests`, one request each, until they are told to stop."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._clients: list[Client] = []
        self.times: list[float] = []  # of all answers, in seconds

    async def __aenter__(self) -> "Crowd":
        loop = asyncio.get_running_loop()
        for request in self._requests:
            client = Client(request, self.times)
            await loop.create_connection(lambda client=client: client, "127.0.0.1", self._port)  # type: ignore[misc]
            self._clients.append(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            client.go_on = False
        async with asyncio.timeout(MOST_SECONDS):
            await asyncio.gather(*(client.stopped for client in self._clients))

    def answer(self) -> bytes:
        """One whole answer."""
        return self._clients[0].last


def cpu_seconds(process: int) -> float:
    """The processor time a process has used so far."""
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


async def warm_up(port: int, request: bytes, answers: int = 20) -> None:
    """Ask until there have been so many answers."""
    async with asyncio.timeout(120), Crowd(port, [request] * 4) as crowd:
        while len(crowd.times) < answers:
            await asyncio.sleep(0.01)


async def load(
    port: int, process: int, request: bytes, *, clients: int, seconds: float
) -> tuple[Result, bytes]:
    """Run `clients` for `seconds`, after a warm-up of a fifth of it; and one whole answer.

    Longer where a server is so slow that each client has not had two answers by then.
    """
    async with Crowd(port, [request] * clients) as crowd:
        await asyncio.sleep(seconds / 5)
        crowd.times.clear()
        began, cpu = time.perf_counter(), cpu_seconds(process)
        await asyncio.sleep(seconds)
        async with asyncio.timeout(MOST_SECONDS):
            while len(crowd.times) < 2 * clients:
                await asyncio.sleep(0.05)
        took, cpu = time.perf_counter() - began, cpu_seconds(process) - cpu
        measured = sorted(crowd.times)
    return (
        Result(
            per_second=len(measured) / took,
            cpu_us=cpu / len(measured) * 1_000_000,
            p50_ms=statistics.median(measured) * 1000,
            p99_ms=measured[int(len(measured) * 0.99)] * 1000,
        ),
        crowd.answer(),
    )
