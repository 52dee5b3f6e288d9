"""Answers per second and how long each takes, from one server after the other in every round."""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import uvloop

from benchmarks.gateway.load import Result, load, warm_up
from benchmarks.gateway.servers import DELTAS, direct_request, request

DIRECT = "fake Bedrock itself"
SELDOM = 5  # every so many rounds
POINTS = [(False, 1), (False, 32), (True, 1), (True, 32)]  # streamed, clients


@dataclass(frozen=True)
class Point:
    """The medians of one server's rounds."""

    stream: bool
    clients: int
    server: str
    median: Result
    rounds: dict[int, Result]


def measure(
    servers: Mapping[str, tuple[int, int]], *, rounds: int, seconds: float, seldom: str
) -> list[Point]:
    """Every point of every server, by its port and process id; rounds alternate between them.

    The one that is measured `seldom` takes part in a few of them: it is so slow that its share of
    the time would be the largest, and so far behind that a few will do.
    """
    results: dict[tuple[bool, int, str], dict[int, Result]] = {}
    for name, (port, _) in servers.items():  # imports and caches of the first requests
        for stream in (False, True):
            asked = direct_request(stream) if name == DIRECT else request(stream)
            uvloop.run(warm_up(port, asked))
    for number in range(rounds):
        for stream, clients in POINTS:
            for name, (port, process) in servers.items():
                if name == seldom and number % SELDOM:
                    continue
                result = _measure(
                    name, port, process, stream=stream, clients=clients, seconds=seconds
                )
                results.setdefault((stream, clients, name), {})[number] = result
    return [
        Point(stream, clients, name, _median([*found.values()]), found)
        for (stream, clients, name), found in results.items()
    ]


def _measure(
    name: str, port: int, process: int, *, stream: bool, clients: int, seconds: float
) -> Result:
    """One result, whose last answer is checked to be complete."""
    asked = direct_request(stream) if name == DIRECT else request(stream)
    result, answer = uvloop.run(load(port, process, asked, clients=clients, seconds=seconds))
    texts = answer.count(b" some generated text")
    if texts != DELTAS or (stream and name != DIRECT and b"data: [DONE]" not in answer):
        raise SystemExit(f"the answer of {name} is not whole:\n{answer.decode(errors='replace')}")
    return result


def _median(found: list[Result]) -> Result:
    rows = [asdict(result) for result in found]
    return Result(**{key: statistics.median(row[key] for row in rows) for key in rows[0]})
