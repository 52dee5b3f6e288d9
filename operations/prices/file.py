"""prices.json as data: renewed rows, the differences, and its one-row-a-line form."""

import json
from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]  # prices.json, as json reads it

INSTANCE_TABLES = ("on_demand", "capacity_block", "spot", "hosting", "compared")


def put(raw: Raw, table: str, name: str, region: str, usd: float, source: str) -> None:
    """Set a price of a table or, for `services`, of one of its rows."""
    rows = raw[table]
    prices = rows[name]["prices"] if table == "services" else rows.setdefault(name, {})
    prices[region] = [usd, source]


def tidy(raw: Raw) -> Raw:
    """The same prices, sorted, without the sources that none has any more."""
    tables = {table: dict(sorted(raw[table].items())) for table in INSTANCE_TABLES}
    for rows in tables.values():
        for name in rows:
            rows[name] = dict(sorted(rows[name].items()))
    services = {
        name: {**row, "prices": dict(sorted(row["prices"].items()))}
        for name, row in sorted(raw["services"].items())
    }
    tidied = {**tables, "services": services}
    used = {source for _, _, (_, source) in _prices(tidied)}
    sources = {name: row for name, row in sorted(raw["sources"].items()) if name in used}
    return {"sources": sources, **tidied}


def differences(old: Raw, new: Raw) -> list[str]:
    """One line for each price that is new or another."""
    before = {(name, region): usd for name, region, (usd, _) in _prices(old)}
    lines = []
    for name, region, (usd, _) in _prices(new):
        known = before.get((name, region))
        if known is None:
            lines.append(f"{name} in {region}: new, {usd:.10g} USD")
        elif known != usd:
            lines.append(f"{name} in {region}: {known:.10g} -> {usd:.10g} USD")
    return lines


def dump(raw: Raw) -> str:
    """The file's text: a row a line, so that a difference shows what changed."""
    sections = []
    for name, rows in raw.items():
        body = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
        sections.append(
            f"{json.dumps(name)}: {{\n{body}\n}}" if rows else f"{json.dumps(name)}: {{}}"
        )
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _prices(raw: Raw) -> Iterator[tuple[str, str, tuple[float, str]]]:
    """(table and row, region, (USD, source)) of every price."""
    for table in INSTANCE_TABLES:
        for name, prices in raw[table].items():
            for region, (usd, source) in prices.items():
                yield f"{table} {name}", region, (usd, source)
    for name, row in raw["services"].items():
        for region, (usd, source) in row["prices"].items():
            yield f"services {name}", region, (usd, source)
