"""The README's tables of what the shipped environments cost."""

from collections.abc import Sequence

from operations.cost.estimate import Estimate
from operations.cost.table import amount, money

_WAYS = ("on-demand", "spot", "reservation", "capacity-block")


def tables(of: Sequence[Estimate]) -> str:
    """USD a month by stack, and USD per node and hour for each way to buy a pool's nodes."""
    return "\n".join([*_stacks(of), "", *_pools(of), ""])


def _stacks(of: Sequence[Estimate]) -> list[str]:
    columns = [f"`{e.name}`, {size}" for e in of for size in ("idle", "full scale")]
    names = dict.fromkeys(stack for e in of for stack in e.stacks)
    return [
        f"| USD a month | {' | '.join(columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
        *(_row(stack, [_cells(e, stack) for e in of]) for stack in names),
        _row("**all of it**", [(amount(e.idle()), amount(e.full())) for e in of]),
        _row("by use, as assumed", [(amount(e.used()),) * 2 for e in of]),
    ]


def _cells(of: Estimate, stack: str) -> tuple[str, str]:
    if stack not in of.stacks:
        return "-", "-"
    return amount(of.idle(stack)), amount(of.full(stack))


def _row(name: str, cells: Sequence[tuple[str, str]]) -> str:
    return f"| {name} | {' | '.join(cell for pair in cells for cell in pair)} |"


def _pools(of: Sequence[Estimate]) -> list[str]:
    lines = [
        "| USD per node and hour | nodes | " + " | ".join(_WAYS) + " |",
        "| --- | --- |" + " ---: |" * len(_WAYS),
    ]
    for e in of:
        for pool, ways in e.pools:
            cells = []
            for way in ways:
                text = "not sold" if way.rate is None else _price(way.rate.usd)
                cells.append(f"**{text}**" if way.chosen else text)
            name = f"`{e.name}` {pool.name}, {pool.instance_type}"
            lines.append(f"| {name} | {pool.min_nodes} to {pool.max_nodes} | {' | '.join(cells)} |")
    return lines


def _price(usd: float | None) -> str:
    return "unknown" if usd is None else money(usd) if usd >= 10 else f"{usd:,.4f}"
