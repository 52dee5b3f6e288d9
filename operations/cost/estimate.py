"""An environment's bill: its lines, their sums by stack, and the other ways to buy each pool."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from operations.cost import standing, usage
from operations.cost.bill import HOURS_PER_MONTH, Line, Rate, Total, Usage, total
from operations.cost.buying import Way, ways
from operations.cost.usage import Assumptions
from stacks.config import EnvironmentConfig, NodePoolConfig


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an environment costs on a day, per month of 730 hours."""

    name: str
    region: str
    day: date
    lines: tuple[Line, ...]
    usage: tuple[Usage, ...]
    pools: tuple[tuple[NodePoolConfig, tuple[Way, ...]], ...]
    budget_usd: float | None  # a month, of the environment file

    @property
    def stacks(self) -> list[str]:
        return list(dict.fromkeys(line.stack for line in self.lines))

    def idle(self, stack: str | None = None, *, elsewhere: bool = False) -> Total:
        """At the minimum sizes, while nobody uses anything: of one stack, or of all. With
        `elsewhere` what is unknown here counts with the dearest price of another region."""
        lines = self._of(stack)
        return total(line.rate.monthly(line.idle, elsewhere=elsewhere) for line in lines)

    def full(self, stack: str | None = None, *, elsewhere: bool = False) -> Total:
        """With every pool and service at its maximum, all month."""
        lines = self._of(stack)
        return total(line.rate.monthly(line.full, elsewhere=elsewhere) for line in lines)

    def used(self, *, elsewhere: bool = False) -> Total:
        """What the assumed use adds to either."""
        return total(line.rate.monthly(line.quantity, elsewhere=elsewhere) for line in self.usage)

    def unknown(self) -> list[str]:
        """A sentence for each price that the totals lack."""
        lines: Iterable[tuple[Rate, float]] = [
            *((line.rate, line.full) for line in self.lines),
            *((line.rate, line.quantity) for line in self.usage),
        ]
        return list(dict.fromkeys(r.basis for r, n in lines if r.monthly(n) is None))

    def _of(self, stack: str | None) -> list[Line]:
        return [line for line in self.lines if stack in (None, line.stack)]

    def to_json(self) -> dict[str, Any]:
        """Amounts in USD; null: unknown."""
        return {
            "environment": self.name,
            "region": self.region,
            "day": self.day.isoformat(),
            "hours_per_month": HOURS_PER_MONTH,
            "totals": {
                "idle": _sum(self.idle()),
                "full": _sum(self.full()),
                "usage": _sum(self.used()),
            },
            "totals_at_other_regions_prices": {
                "idle": _sum(self.idle(elsewhere=True)),
                "full": _sum(self.full(elsewhere=True)),
                "usage": _sum(self.used(elsewhere=True)),
            },
            "budget_usd": self.budget_usd,
            "stacks": {
                stack: {"idle": _sum(self.idle(stack)), "full": _sum(self.full(stack))}
                for stack in self.stacks
            },
            "lines": [_line(line) for line in self.lines],
            "usage": [_usage(line) for line in self.usage],
            "pools": [
                {
                    "name": pool.name,
                    "instance_type": pool.instance_type,
                    "min_nodes": pool.min_nodes,
                    "max_nodes": pool.max_nodes,
                    "ways": [_way(way) for way in of_pool],
                }
                for pool, of_pool in self.pools
            ],
            "unknown": self.unknown(),
        }


def estimate(name: str, config: EnvironmentConfig, *, day: date, month: Assumptions) -> Estimate:
    """What an environment of that name costs."""
    return Estimate(
        name=name,
        region=config.region,
        day=day,
        lines=tuple(standing.lines(config, day)),
        usage=tuple(sorted(usage.lines(config, month), key=lambda line: line.stack)),
        pools=tuple((pool, tuple(ways(pool, config.region))) for pool in config.pools),
        budget_usd=config.budget.monthly_usd if config.budget else None,
    )


def _sum(of: Total) -> dict[str, Any]:
    return {
        "usd_per_month": round(of.usd, 6),
        "usd_per_hour": round(of.usd_per_hour, 6),
        "complete": of.complete,
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"usd": rate.usd, "per": rate.per, "basis": rate.basis}


def _line(line: Line) -> dict[str, Any]:
    return {
        "stack": line.stack,
        "what": line.what,
        "resource": line.resource,
        "resources": line.resources,
        "idle": line.idle,
        "full": line.full,
        "rate": _rate(line.rate),
        "idle_usd_per_month": line.rate.monthly(line.idle),
        "full_usd_per_month": line.rate.monthly(line.full),
    }


def _usage(line: Usage) -> dict[str, Any]:
    return {
        "stack": line.stack,
        "what": line.what,
        "quantity": line.quantity,
        "assumed": line.assumed,
        "rate": _rate(line.rate),
        "usd_per_month": line.rate.monthly(line.quantity),
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "kind": way.kind,
        "configured": way.chosen,
        "sold": way.rate is not None,
        "rate": _rate(way.rate) if way.rate else None,
        "idle_usd_per_month": way.rate.monthly(way.idle) if way.rate else None,
        "full_usd_per_month": way.rate.monthly(way.full) if way.rate else None,
        "remark": way.remark,
    }
