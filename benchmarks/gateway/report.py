"""The figures of a run as tables, as JSON, and held against what was promised."""

import datetime
import platform
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.gateway.isolation import STREAMS, Isolation
from benchmarks.gateway.memory import Memory
from benchmarks.gateway.servers import DELTAS
from benchmarks.gateway.throughput import DIRECT, Point

MINIMAL, GATEWAY, LITELLM = "minimal converter", "gateway", "LiteLLM proxy"

LEAST_OF_MINIMAL = 0.6
LEAST_OF_LITELLM = 40
MOST_ADDED_MS = 1.0
MOST_DELAY_MS = 20.0
MOST_GROWTH_MIB = 1.0  # over 100,000 requests, beyond twice the slope's own spread


@dataclass(frozen=True)
class Target:
    """One promise."""

    name: str
    value: str
    bound: str
    met: bool


@dataclass
class Report:
    """What was measured, filled part by part."""

    arguments: str
    cores: int
    points: list[Point] = field(default_factory=list)
    isolation: list[Isolation] = field(default_factory=list)
    memory: Memory | None = None

    def find(self, stream: bool, clients: int, server: str) -> Point | None:
        """None where it was not measured."""
        for point in self.points:
            if (point.stream, point.clients, point.server) == (stream, clients, server):
                return point
        return None

    def targets(self) -> list[Target]:
        """Every promise that this run can tell about."""
        targets = []
        for server, least, unit in (
            (MINIMAL, LEAST_OF_MINIMAL, "{:.0%}"),
            (LITELLM, LEAST_OF_LITELLM, "{:.0f} x"),
        ):
            ours, theirs = self.find(True, 32, GATEWAY), self.find(True, 32, server)
            if ours and theirs:
                ratio, by_cpu = ratios(ours, theirs)
                name = f"streams per second at 32 clients, of the {server}"
                value = f"{unit.format(ratio)} (by CPU {unit.format(by_cpu)})"
                bound = f"at least {unit.format(least)}"
                targets.append(Target(name, value, bound, ratio >= least))
        for stream in (False, True):
            ours, bare = self.find(stream, 1, GATEWAY), self.find(stream, 1, DIRECT)
            if ours and bare:
                added = ours.median.p50_ms - bare.median.p50_ms
                name = f"added p50 at one client, {_kind(stream)}"
                bound = f"below {MOST_ADDED_MS:g} ms"
                targets.append(Target(name, f"{added:.2f} ms", bound, added < MOST_ADDED_MS))
        for one in self.isolation:
            name = f"p99 of {one.probe} beside {STREAMS} streams of a token a second"
            value, bound = f"{one.added_ms:+.2f} ms", f"within {MOST_DELAY_MS:g} ms of idle"
            targets.append(Target(name, value, bound, one.added_ms <= MOST_DELAY_MS))
        if self.memory:
            growth = self.memory.slope - 2 * self.memory.spread
            value = f"{self.memory.slope:+.2f} ± {self.memory.spread:.2f} MiB per 100,000"
            name = f"memory over {self.memory.requests:,} requests"
            bound = f"not above {MOST_GROWTH_MIB:g} MiB beyond twice its spread"
            targets.append(Target(name, value, bound, growth <= MOST_GROWTH_MIB))
        return targets

    def text(self) -> str:
        """Everything as Markdown."""
        lines = [
            f"{datetime.date.today()}, Python {platform.python_version()}, {self.cores} cores, "
            f"`python -m benchmarks.gateway {self.arguments}`".rstrip(),
            "",
            "| answers | clients | server | per second | CPU µs each | p50 ms | p99 ms |",
            "|---|--:|---|--:|--:|--:|--:|",
        ]
        for point in self.points:
            found = point.median
            figures = (
                f"{found.per_second:,.0f} | {found.cpu_us:,.0f} | "
                f"{found.p50_ms:.2f} | {found.p99_ms:.2f}"
            )
            kind = _kind(point.stream)
            lines.append(f"| {kind} | {point.clients} | {point.server} | {figures} |")
            if point.server == GATEWAY:
                lines += self._ratios(point)
        if self.memory:
            lines += [
                "",
                f"Resident memory over {self.memory.requests:,} requests, half of them streams: "
                f"{self.memory.settled_mib:.1f} MiB once warm, {self.memory.end_mib:.1f} at the "
                f"end.",
            ]
        lines += ["", "| target | measured | wanted | |", "|---|--:|--:|---|"]
        for target in self.targets():
            verdict = "met" if target.met else "MISSED"
            lines.append(f"| {target.name} | {target.value} | {target.bound} | {verdict} |")
        return "\n".join(lines)

    def _ratios(self, ours: Point) -> list[str]:
        limit = self.find(ours.stream, ours.clients, MINIMAL)
        if limit is None:
            return []
        by_rate, by_cpu = ratios(ours, limit)
        cells = f"{_kind(ours.stream)} | {ours.clients} | gateway / minimal"
        return [f"| {cells} | {by_rate:.0%} | {by_cpu:.0%} | | |"]

    def to_json(self) -> dict[str, Any]:
        """Every figure; units are in the keys."""
        return {
            "date": str(datetime.date.today()),
            "python": platform.python_version(),
            "cores": self.cores,
            "arguments": self.arguments,
            "points": [asdict(point) for point in self.points],
            "isolation": [{**asdict(one), "added_ms": one.added_ms} for one in self.isolation],
            "memory": asdict(self.memory) if self.memory else None,
            "targets": [asdict(target) for target in self.targets()],
        }


def ratios(ours: Point, theirs: Point) -> tuple[float, float]:
    """By answers per second, and by processor time: the medians of each round's own ratio.

    What a round compares was measured within seconds, when the machine was as busy for both. It
    counts where both took part in it.
    """
    rounds = [
        (ours.rounds[number], theirs.rounds[number])
        for number in ours.rounds.keys() & theirs.rounds.keys()
    ]
    by_rate = statistics.median(one.per_second / other.per_second for one, other in rounds)
    return by_rate, statistics.median(other.cpu_us / one.cpu_us for one, other in rounds)


def _kind(stream: bool) -> str:
    return f"streams of {DELTAS}" if stream else "whole"
