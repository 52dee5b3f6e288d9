"""Estimates as tables for a terminal."""

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from operations.cost.bill import HOURS_PER_MONTH, Rate, Total
from operations.cost.estimate import Estimate
from operations.cost.job import Job
from operations.cost.tokens import Tokens


def money(usd: float | None) -> str:
    """To the cent, and no amount is shown as nothing."""
    if usd is None:
        return "unknown"
    return "under 0.01" if 0 < usd < 0.005 else f"{usd:,.2f}"


def amount(total: Total) -> str:
    """A sum, with what it says if a price in it is unknown."""
    if total.complete:
        return money(total.usd)
    return f"at least {money(total.usd)}" if total.usd else "unknown"


def estimate(of: Estimate) -> RenderableType:
    """The whole bill: what stands, what is used, the ways to buy, and what is not known."""
    parts: list[RenderableType] = [_standing(of), _used(of)]
    if of.pools:
        parts.append(_ways(of))
    parts.append(_lines(summary(of)))
    return Group(*parts)


def summary(of: Estimate) -> Iterator[str]:
    """The sums in words, and each price that they lack."""
    idle, full, used = of.idle(), of.full(), of.used()
    yield f"{of.name} in {of.region}, at the prices known on {of.day}, in USD:"
    yield f"  idle        {amount(idle)} a month, {idle.usd_per_hour:,.3f} an hour"
    yield f"  full scale  {amount(full)} a month, {full.usd_per_hour:,.3f} an hour"
    yield f"  use         {amount(used)} a month on top of either, as assumed"
    if of.budget_usd is not None:
        yield f"  budget      {money(of.budget_usd)} a month: {_within(of, of.budget_usd)}"
    missing = of.unknown()
    if missing:
        yield "Not in the sums, for their prices are unknown"
        yield "(`python -m operations.prices` asks AWS for them):"
        yield from (f"  - {sentence}" for sentence in missing)
        idle, full, used = (sums(elsewhere=True) for sums in (of.idle, of.full, of.used))
        yield "If each cost here what the dearest of those regions asks:"
        yield f"  idle {amount(idle)}, full scale {amount(full)}, use {amount(used)} a month"
    yield "No discount, tax, Savings Plan, free tier or traffic between zones is in it."


def _within(of: Estimate, budget: float) -> str:
    idle, full = of.idle().usd, of.full().usd
    if budget < idle:
        return "less than idle costs, so it warns every month"
    if budget >= full:
        return "enough for full scale, without what is paid by use"
    return f"idle, and {(budget - idle) / (full - idle):.1%} of what full scale adds"


def job(of: Job) -> RenderableType:
    """One row for each way to buy the nodes."""
    hours = of.seconds / 3600
    title = (
        f"{of.how}: {f'{hours:,.2f}' if hours >= 1 else f'{hours:.3g}'} hours on {of.nodes} x"
        f" {of.instance_type} of the pool {of.pool}"
    )
    table = _table(None, ("bought", "USD", ""))
    for way in of.ways:
        mark = "configured" if way.chosen else ""
        table.add_row(way.kind, amount(way.cost), "; ".join(filter(None, (mark, way.remark))))
    bases: dict[str, list[str]] = {}
    for way in of.ways:
        bases.setdefault(way.basis, []).append(way.kind)
    notes = [f"{', '.join(kinds)}: {basis}" for basis, kinds in bases.items()]
    return Group(Text(title), table, _lines([*notes, of.disks], style="dim"))


def tokens(of: Tokens) -> RenderableType:
    """The own model, and each of Bedrock's beside it."""
    title = (
        f"USD per million tokens of answers of {of.output_tokens:,}, with their prompts of"
        f" {of.input_tokens:,}"
    )
    table = _table(None, ("model", "USD", ""))
    table.add_row(
        of.model,
        f"{of.usd_per_million:,.4f}",
        f"{of.tokens_per_second:,.10g} tokens a second, as given, {of.utilization:.0%} of the time",
    )
    for offer in of.offers:
        never = offer.break_even > 1
        table.add_row(
            f"{offer.name} ({offer.model})",
            f"{offer.usd_per_million:,.4f}",
            f"{of.model} costs more even when always busy"
            if never
            else f"{of.model} costs as much when busy {offer.break_even:.1%} of the time",
        )
    notes = [
        f"{of.model}: {of.rent.basis}",
        "Bedrock: the prices of gateway.models in the environment file"
        if of.offers
        else "no model of Bedrock with a price is in gateway.models of the environment file",
        "A saturated server keeps no latency promise; a node that waits costs as much as a busy"
        " one.",
    ]
    return Group(Text(title), table, _lines(notes, style="dim"))


def _lines(of: Iterable[str], style: str = "") -> Text:
    """Sentences of any length: whatever shows them breaks them."""
    return Text("\n".join(of), style=style, no_wrap=True, overflow="ignore")


def _standing(of: Estimate) -> Table:
    table = _table(
        f"What stands in {of.name}, USD a month of {HOURS_PER_MONTH} hours",
        ("stack", "what", "idle", "full", "unit price", "idle USD", "full USD"),
        right=(2, 3, 4, 5, 6),
    )
    for stack in of.stacks:
        name = stack
        for line in of.lines:
            if line.stack == stack:
                table.add_row(
                    name,
                    line.what,
                    f"{line.idle:,g}",
                    f"{line.full:,g}",
                    _unit(line.rate),
                    money(line.rate.monthly(line.idle)),
                    money(line.rate.monthly(line.full)),
                )
                name = ""
        table.add_row(*_sum(of.idle(stack), of.full(stack)), style="bold", end_section=True)
    table.add_row("all", *_sum(of.idle(), of.full())[1:], style="bold")
    return table


def _sum(idle: Total, full: Total) -> tuple[str, ...]:
    """The cells of a sum, with what it is an hour."""
    least, most = f"{idle.usd_per_hour:,.3f}", f"{full.usd_per_hour:,.3f}"
    hours = f"{least} to {most} an hour" if least != most else f"{least} an hour"
    if not (idle.complete and full.complete):
        hours = f"at least {hours}" if full.usd else "unknown"
    return "", "", "", "", hours, amount(idle), amount(full)


def _used(of: Estimate) -> Table:
    table = _table(
        "What is paid by use, USD a month",
        ("stack", "what", "assumed", "unit price", "USD"),
        right=(3, 4),
    )
    for line in of.usage:
        usd = money(line.rate.monthly(line.quantity))
        table.add_row(line.stack, line.what, line.assumed, _unit(line.rate), usd)
    table.add_row("all", "", "", "", amount(of.used()), style="bold")
    return table


def _ways(of: Estimate) -> Table:
    table = _table(
        "Other ways to buy the pools' nodes",
        ("pool", "bought", "node and hour", "idle a month", "full a month", ""),
        right=(2, 3, 4),
    )
    for pool, ways in of.pools:
        name = f"{pool.name}, {pool.instance_type}, {pool.min_nodes} to {pool.max_nodes}"
        for way in ways:
            cells = ("not sold", "-", "-") if way.rate is None else (
                "unknown" if way.rate.usd is None else f"{way.rate.usd:,.10g}",
                money(way.rate.monthly(way.idle)),
                money(way.rate.monthly(way.full)),
            )  # fmt: skip
            style = "bold" if way.chosen else None
            table.add_row(name, way.kind, *cells, way.remark, style=style)
            name = ""
        table.add_section()
    table.caption = "bold: as the environment file has it"
    return table


def _unit(rate: Rate) -> str:
    return f"unknown per {rate.per}" if rate.usd is None else f"{rate.usd:,.10g} per {rate.per}"


def _table(title: str | None, columns: Iterable[str], right: Iterable[int] = (1,)) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", caption_justify="left")
    aligned = set(right)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number in aligned else "left", overflow="fold")
    return table
