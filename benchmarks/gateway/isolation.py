"""Does a slow stream delay anybody else? Idle and beside open streams, in turns, in one run."""

import asyncio
import statistics
from dataclasses import dataclass
from math import ceil

import uvloop

from benchmarks.gateway.fake_bedrock import TEXT, TOKEN_SECONDS
from benchmarks.gateway.load import Crowd, load
from benchmarks.gateway.servers import OTHER_KEY, request

STREAMS = 8  # open at a time, one token a second each
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
PROBES = {
    "/health": HEALTH,
    "another tenant's answer": request(stream=False, key=OTHER_KEY),
    "another tenant's stream": request(stream=True, key=OTHER_KEY),
}


@dataclass(frozen=True)
class Isolation:
    """The 99th percentiles (ms, medians of the rounds) of one kind of request."""

    probe: str
    idle_ms: float
    beside_ms: float

    @property
    def added_ms(self) -> float:
        return self.beside_ms - self.idle_ms


def measure(port: int, process: int, *, rounds: int, seconds: float) -> list[Isolation]:
    """Every probe, from one client that asks without a pause, idle and beside slow streams."""
    return uvloop.run(_measure(port, process, rounds, seconds))


async def _measure(port: int, process: int, rounds: int, seconds: float) -> list[Isolation]:
    found: dict[tuple[str, bool], list[float]] = {}

    async def probe(beside: bool) -> None:
        for name, asked in PROBES.items():
            result, _ = await load(port, process, asked, clients=1, seconds=seconds)
            found.setdefault((name, beside), []).append(result.p99_ms)

    # Each stream lasts as long as the probes beside it, with their warm-ups.
    tokens = ceil(len(PROBES) * seconds * 1.2 / TOKEN_SECONDS)
    slow = [request(stream=True, model="slow", max_tokens=tokens)] * STREAMS
    for _ in range(rounds):
        await probe(beside=False)
        async with Crowd(port, slow) as crowd:
            await asyncio.sleep(TOKEN_SECONDS / 10)
            await probe(beside=True)
        if crowd.answer().count(TEXT.encode()) != tokens:
            raise SystemExit("a slow stream was not whole")
    return [
        Isolation(name, statistics.median(found[name, False]), statistics.median(found[name, True]))
        for name in PROBES
    ]
