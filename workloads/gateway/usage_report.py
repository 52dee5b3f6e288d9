"""`GET /v1/usage?from=&to=`: what was used and spent, by day, tenant and model."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import bad_request
from workloads.gateway.ledger.ledger import UsageRow

DAYS = 30  # without `from`
MOST_DAYS = 366
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # Python reads weeks as well


def period(query: bytes, today: date) -> tuple[date, date]:
    """The first and the last day that a query string asks for, both included.

    `today` and the 29 days before it are what is not said. Raises ApiError 400.
    """
    fields: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in ("from", "to"):
            raise bad_request(f"the parameter {name[:100]!r} is unknown; from and to are known")
        if name in fields:
            raise bad_request(f"{name} is given twice", name)
        fields[name] = value
    until = _day("to", fields["to"]) if "to" in fields else today
    if "from" in fields:
        since = _day("from", fields["from"])
    elif until.toordinal() < DAYS:
        since = date.min
    else:
        since = until - timedelta(days=DAYS - 1)
    if since > until:
        raise bad_request(f"from = {since} is after to = {until}; swap them", "from")
    if (until - since).days >= MOST_DAYS:
        raise bad_request(
            f"from {since} to {until} are more than {MOST_DAYS} days; ask for fewer at a time",
            "from",
        )
    return since, until


def report(
    tenant: TenantConfig, since: date, until: date, rows: Iterable[UsageRow]
) -> dict[str, Any]:
    """The answer; USD, and tokens by the way they are charged."""
    return {
        "object": "list",
        "tenant": tenant.name,
        "all_tenants": tenant.admin,
        "from": since.isoformat(),
        "to": until.isoformat(),
        "data": [
            {
                "object": "usage",
                "day": row.day,
                "tenant": row.tenant,
                "model": row.model,
                "requests": row.requests,
                "unsettled": row.unsettled,
                "input_tokens": row.usage.input,
                "output_tokens": row.usage.output,
                "cache_read_tokens": row.usage.cache_read,
                "cache_write_tokens": row.usage.cache_write,
                "cost_usd": row.cost_usd,
            }
            for row in rows
        ],
    }


def _day(name: str, value: str) -> date:
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise bad_request(f"{name} = {value[:100]!r} is not a day such as 2026-01-31", name)
