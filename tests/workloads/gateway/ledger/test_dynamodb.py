"""What only the ledger in DynamoDB has to stand: other processes, conflicts, lost answers."""

import asyncio
import calendar
import time
from datetime import date

import pytest

from workloads.gateway.dynamodb import DynamoDBError
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.ledger import dynamodb, group_commit
from workloads.gateway.ledger.dynamodb import DEAD_SECONDS, DynamoDBLedger
from workloads.gateway.ledger.ledger import Entry, Reservation
from workloads.gateway.upstream import client_session
from workloads.gateway.usage import Usage

NOON = calendar.timegm((2026, 11, 22, 12, 0, 0))
ALWAYS = date(2026, 1, 1), date(2026, 12, 31)


def entry(id: str, **more) -> Entry:
    fields = {"tenant": "a", "model": "nova", "usage": Usage(3, 2, 1), "cost": 7, **more}
    return Entry(id, NOON, **fields)


class Disturbed:
    """A table that disturbs some of the calls: `before` and `after` raise, or not."""

    def __init__(self, table) -> None:
        self._table = table
        self.name, self.query = table.name, table.query
        self.sizes: list[int] = []
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self._one_at_a_time = asyncio.Lock()  # moto's transactions mix up otherwise

    async def call(self, operation, request):
        async with self._one_at_a_time:
            return await self._call(operation, request)

    async def _call(self, operation, request):
        if operation == "TransactWriteItems":
            self.sizes.append(len(request["TransactItems"]))
            if self.before and (error := self.before.pop(0)):
                raise error
        answer = await self._table.call(operation, request)
        if operation == "TransactWriteItems" and self.after and (error := self.after.pop(0)):
            raise error
        return answer


@pytest.fixture
def with_table(ledger_table, monkeypatch):
    """Run `check(table)`, whose calls can be disturbed."""
    monkeypatch.setattr(group_commit, "AGAIN_SECONDS", 0.001)

    def run(check):
        async def main():
            async with client_session() as session:
                await check(Disturbed(ledger_table(session)))

        asyncio.run(main())

    return run


def conflict(*codes: str) -> DynamoDBError:
    reasons = [{"Code": code} for code in codes]
    return DynamoDBError("TransactionCanceledException", {"CancellationReasons": reasons})


async def counted(ledger: DynamoDBLedger) -> tuple[int, int, int]:
    """Requests, unsettled ones, and their cost, of everything."""
    rows = await ledger.usage(*ALWAYS)
    return tuple(sum(getattr(row, n) for row in rows) for n in ("requests", "unsettled", "cost"))


def test_a_write_whose_answer_was_lost_is_not_counted_twice(with_table):
    async def check(table):
        ledger = DynamoDBLedger(table)
        table.after = [unavailable("cut off"), TimeoutError()]
        first = [ledger.settle(entry(id)) for id in "abc"]
        while not table.sizes:
            await asyncio.sleep(0)
        await asyncio.gather(*first, ledger.settle(entry("d")))  # which comes with the others
        assert len(table.sizes) > 2
        assert await counted(ledger) == (4, 0, 28)
        await ledger.close()

    with_table(check)


def test_conflicts_and_throttling_are_waited_out(with_table):
    async def check(table):
        ledger = DynamoDBLedger(table)
        throttled = DynamoDBError("ThrottlingException", {})
        table.before = [conflict("None", "TransactionConflict"), throttled, None]
        await ledger.settle(entry("a"))
        assert await counted(ledger) == (1, 0, 7)
        await ledger.close()

    with_table(check)


def test_processes_add_up_and_count_a_request_of_both_once(with_table):
    async def check(table):
        ledgers = [DynamoDBLedger(table), DynamoDBLedger(table)]
        settled = [ledger.settle(entry(str(n))) for n in range(150) for ledger in ledgers]
        await asyncio.gather(*settled)

        assert max(table.sizes) <= 100
        for ledger in ledgers:
            assert await counted(ledger) == (150, 0, 1050)
            assert await ledger.spent("a", "2026-11") == 1050
            await ledger.close()

    with_table(check)


def test_what_a_dead_process_left_open_is_unsettled_once(with_table, monkeypatch):
    monkeypatch.setattr(dynamodb, "LEASE_SECONDS", 0.01)

    async def check(table):
        dead = DynamoDBLedger(table)
        for id in ("open", "settled", "released"):
            dead.reserve(Reservation(id, NOON, "a", "nova"))
        dead.release("released")
        await dead.settle(entry("settled"))
        while not any([item["open"] != "[]" async for item in table.query("process")]):
            await asyncio.sleep(0.005)
        for task in dead._tasks:
            task.cancel()

        others = [DynamoDBLedger(table), DynamoDBLedger(table)]
        await others[0].bury(time.time())
        assert await counted(others[0]) == (1, 0, 7)  # it may be alive yet

        later = time.time() + DEAD_SECONDS + 1
        await asyncio.gather(*(other.bury(later) for other in others))
        await others[0].bury(later)
        assert await counted(others[0]) == (1, 1, 7)

        await dead.settle(entry("open"))  # it was alive after all
        assert await counted(others[1]) == (2, 0, 14)
        for other in others:
            await other.close()

    with_table(check)


def test_a_table_that_cannot_be_read_is_said_so(with_table):
    async def check(table):
        ledger = DynamoDBLedger(table)
        table.name = "nowhere"
        table._table.name = "nowhere"
        with pytest.raises(ApiError, match="cannot be read"):
            await ledger.spent("a", "2026-11")
        with pytest.raises(ApiError, match="cannot be read"):
            await ledger.usage(*ALWAYS)
        await ledger.close()

    with_table(check)
