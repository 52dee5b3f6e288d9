"""Every ledger by the same facts, and the waiting room before them."""

import asyncio
import calendar
from datetime import date

import pytest

from workloads.gateway.errors import ApiError
from workloads.gateway.ledger import group_commit
from workloads.gateway.ledger.dynamodb import DynamoDBLedger
from workloads.gateway.ledger.group_commit import Batch, GroupCommit
from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.ledger.memory import MemoryLedger
from workloads.gateway.ledger.sqlite import SqliteLedger
from workloads.gateway.upstream import client_session
from workloads.gateway.usage import Usage

NOON = calendar.timegm((2026, 11, 22, 12, 0, 0))
DAY = 86_400
ALWAYS = date(2026, 1, 1), date(2026, 12, 31)


def entry(id: str, at: float = NOON, tenant: str = "a", **more) -> Entry:
    fields = {"model": "nova", "usage": Usage(3, 2, 1), "cost": 7, **more}
    return Entry(id, at, tenant, **fields)


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def with_ledger(request, tmp_path, ledger_table):
    """Run `check(ledger)` on an empty ledger."""

    def run(check):
        async def main():
            async with client_session() as session:
                match request.param:
                    case "memory":
                        ledger = MemoryLedger()
                    case "sqlite":
                        ledger = SqliteLedger(tmp_path / "state")
                    case _:
                        ledger = DynamoDBLedger(ledger_table(session))
                try:
                    await check(ledger)
                finally:
                    await ledger.close()

        asyncio.run(main())

    return run


def test_days_tenants_and_models_are_counted_apart_and_in_order(with_ledger):
    async def check(ledger):
        await ledger.settle(entry("1"))
        await ledger.settle(entry("2", cost=5))
        await ledger.settle(entry("3", tenant="b", cost=None))
        await ledger.settle(entry("4", model="own"))
        await ledger.settle(entry("5", at=NOON - DAY))
        await ledger.settle(entry("6", at=NOON - 40 * DAY))
        since = date(2026, 11, 1), date(2026, 11, 30)

        assert await ledger.usage(*since) == [
            UsageRow("2026-11-21", "a", "nova", 1, 0, Usage(3, 2, 1), 7),
            UsageRow("2026-11-22", "a", "nova", 2, 0, Usage(6, 4, 2), 12),
            UsageRow("2026-11-22", "a", "own", 1, 0, Usage(3, 2, 1), 7),
            UsageRow("2026-11-22", "b", "nova", 1, 0, Usage(3, 2, 1), 0),
        ]
        assert [row.tenant for row in await ledger.usage(*since, "b")] == ["b"]
        assert await ledger.usage(date(2026, 11, 21), date(2026, 11, 21), "b") == []
        assert await ledger.spent("a", "2026-11") == 26
        assert await ledger.spent("a", "2026-10") == 7
        assert await ledger.spent("nobody", "2026-11") == 0

    with_ledger(check)


def test_a_request_is_counted_once_however_often_it_is_settled(with_ledger):
    async def check(ledger):
        await asyncio.gather(*(ledger.settle(entry(str(n % 50))) for n in range(500)))
        await ledger.settle(entry("7", cost=1000))

        [row] = await ledger.usage(*ALWAYS)
        assert (row.requests, row.usage, row.cost) == (50, Usage(150, 100, 50), 350)

    with_ledger(check)


def test_sums_of_money_are_exact(with_ledger):
    async def check(ledger):
        costs = [10**12 // 7 + n for n in range(300)]
        await asyncio.gather(*(ledger.settle(entry(str(c), cost=c)) for c in costs))

        assert await ledger.spent("a", "2026-11") == sum(costs)

    with_ledger(check)


def test_an_answer_of_unknown_length_stays_unsettled(with_ledger):
    async def check(ledger):
        await ledger.settle(entry("1", usage=None, cost=None))

        [row] = await ledger.usage(*ALWAYS)
        assert (row.requests, row.unsettled, row.usage, row.cost) == (0, 1, Usage(0, 0), 0)

    with_ledger(check)


def test_what_comes_during_a_write_is_in_the_next():
    async def run():
        batches, gate = [], asyncio.Event()

        async def write(batch: Batch) -> None:
            batches.append([one.request_id for one in batch.entries])
            await gate.wait()

        commits = GroupCommit(write, notice_seconds=10)
        waiting = [commits.settle(entry("1")), commits.settle(entry("2"))]
        while not batches:
            await asyncio.sleep(0)
        waiting += [commits.settle(entry(id)) for id in "345"]
        gate.set()
        await asyncio.gather(*waiting)
        assert batches == [["1", "2"], ["3", "4", "5"]]

    asyncio.run(run())


def test_a_write_that_fails_is_repeated_and_after_a_while_nobody_is_let_in(monkeypatch):
    monkeypatch.setattr(group_commit, "AGAIN_SECONDS", 0.001)

    async def run():
        written, works = [], False

        async def write(batch: Batch) -> None:
            if not works:
                raise OSError("disk full")
            written.extend(one.request_id for one in batch.entries)

        commits = GroupCommit(write, notice_seconds=10)
        first = commits.settle(entry("1"))
        commits.reserve(Reservation("2", NOON, "a", "nova"))
        await asyncio.sleep(0.01)
        assert not first.done()

        monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 0)
        with pytest.raises(ApiError, match="cannot be recorded") as caught:
            await first
        assert caught.value.status == 503
        with pytest.raises(ApiError):
            commits.reserve(Reservation("3", NOON, "a", "nova"))

        works = True
        await commits.settle(entry("2"))
        assert written == ["1", "2"]
        commits.reserve(Reservation("4", NOON, "a", "nova"))

    asyncio.run(run())


def test_what_can_be_written_at_once_does_not_wait_for_others_but_for_older_ones(monkeypatch):
    monkeypatch.setattr(group_commit, "AGAIN_SECONDS", 0.001)

    async def run():
        written, works = [], True

        def write_now(entry: Entry) -> bool:
            if works:
                written.append(entry.request_id)
            return works

        async def write(batch: Batch) -> None:
            if not works:
                raise OSError("disk full")
            written.extend(one.request_id for one in batch.entries)

        commits = GroupCommit(write, notice_seconds=10, write_now=write_now)
        commits.reserve(Reservation("open", NOON, "a", "nova"))
        assert commits.settle(entry("1")).done()
        works = False
        second = commits.settle(entry("2"))
        await asyncio.sleep(0.005)
        works = True
        third = commits.settle(entry("3"))
        assert not third.done()
        await asyncio.gather(second, third)
        assert commits.settle(entry("4")).done()
        assert written == ["1", "2", "3", "4"]

    asyncio.run(run())
