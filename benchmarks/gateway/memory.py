"""Resident memory while one gateway answers many requests: flat, or growing with them?"""

import asyncio
import statistics
from dataclasses import dataclass
from itertools import pairwise

import psutil
import uvloop

from benchmarks.gateway.load import Crowd
from benchmarks.gateway.servers import request

CLIENTS = 32  # half of them stream
SAMPLES = 200
SETTLED = 0.2  # of the samples; before, caches and pools fill
SEGMENTS = 8


@dataclass(frozen=True)
class Memory:
    """Resident MiB against requests; the slope is that of the samples after the warm-up.

    `spread` is the standard error of the slope over `SEGMENTS` parts of the run, so that memory
    that moves up and down in steps does not look more certain than it is.
    """

    requests: int
    samples: list[tuple[int, float]]  # requests answered, MiB
    settled_mib: float  # median of the first fifth after the warm-up
    end_mib: float  # and of the last
    slope: float  # MiB per 100,000 requests
    spread: float


def measure(port: int, process: int, requests: int) -> Memory:
    """Ask `requests` times, and look at the memory every now and then."""
    samples = uvloop.run(_sample(port, psutil.Process(process), requests))
    settled = samples[int(len(samples) * SETTLED) :]
    fifth = max(1, len(settled) // 5)
    slope, spread = slope_and_spread(settled)
    return Memory(
        requests=samples[-1][0],
        samples=samples,
        settled_mib=statistics.median(mib for _, mib in settled[:fifth]),
        end_mib=statistics.median(mib for _, mib in settled[-fifth:]),
        slope=slope * 100_000,
        spread=spread * 100_000,
    )


def slope_and_spread(samples: list[tuple[int, float]]) -> tuple[float, float]:
    """MiB per request by least squares, and the standard error of the slopes of its segments."""
    slope = statistics.linear_regression(*zip(*samples, strict=True)).slope
    bounds = [len(samples) * part // SEGMENTS for part in range(SEGMENTS + 1)]
    slopes = [
        statistics.linear_regression(*zip(*samples[start:end], strict=True)).slope
        for start, end in pairwise(bounds)
    ]
    return slope, statistics.stdev(slopes) / len(slopes) ** 0.5


async def _sample(port: int, process: psutil.Process, requests: int) -> list[tuple[int, float]]:
    samples: list[tuple[int, float]] = []
    step = max(1, requests // SAMPLES)
    asked = [request(stream=bool(number % 2)) for number in range(CLIENTS)]
    async with Crowd(port, asked) as crowd:
        while (answered := len(crowd.times)) < requests:
            if answered >= len(samples) * step:
                samples.append((answered, process.memory_info().rss / (1 << 20)))
            await asyncio.sleep(0.01)
        samples.append((answered, process.memory_info().rss / (1 << 20)))
    return samples
