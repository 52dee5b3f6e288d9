"""The ledger of a gateway that was given no place for one: it counts until the process ends."""

import asyncio
import time
from datetime import date

from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.usage import Usage

KEPT_IDS = 100_000  # a request's id is remembered among this many


class MemoryLedger:
    """Counters in this process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], UsageRow] = {}
        self._settled: dict[str, None] = {}

    def reserve(self, reservation: Reservation) -> None:
        pass

    def release(self, request_id: str) -> None:
        pass

    def settle(self, entry: Entry) -> asyncio.Future[None]:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        if entry.request_id in self._settled:
            return written
        self._settled[entry.request_id] = None
        if len(self._settled) > KEPT_IDS:
            del self._settled[next(iter(self._settled))]
        day = time.strftime("%Y-%m-%d", time.gmtime(entry.at))
        key = (day, entry.tenant, entry.model)
        row = self._rows.get(key) or UsageRow(*key, 0, 0, Usage(0, 0), 0)
        if entry.usage is None:
            self._rows[key] = row._replace(unsettled=row.unsettled + 1)
        else:
            self._rows[key] = row._replace(
                requests=row.requests + 1,
                usage=Usage(*map(sum, zip(row.usage, entry.usage, strict=True))),
                cost=row.cost + (entry.cost or 0),
            )
        return written

    async def spent(self, tenant: str, month: str) -> int:
        rows = self._rows.values()
        return sum(row.cost for row in rows if row.tenant == tenant and row.day[:7] == month)

    async def usage(self, since: date, until: date, tenant: str | None = None) -> list[UsageRow]:
        days = since.isoformat(), until.isoformat()
        return [
            row
            for _, row in sorted(self._rows.items())
            if days[0] <= row.day <= days[1] and tenant in (None, row.tenant)
        ]

    async def close(self) -> None:
        pass
