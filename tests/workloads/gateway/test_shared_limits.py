"""Limits that several processes share through a real DynamoDB table (moto's server)."""

import asyncio
import random
from collections import Counter

import pytest

from workloads.gateway.config import TenantConfig
from workloads.gateway.dynamodb import Table
from workloads.gateway.errors import ApiError
from workloads.gateway.estimate import Estimate
from workloads.gateway.shared_limits import PARTS, SharedLimits
from workloads.gateway.upstream import Upstream, client_session


def tenant(**limits: int) -> TenantConfig:
    return TenantConfig(name="a", key_sha256="0" * 64, **limits)


class Clock:
    """A clock that a test moves; in seconds since the epoch."""

    now = 60.0 * 1000

    def __call__(self) -> float:
        return self.now


class CountingTable:
    """A table that counts what it is asked."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.calls = 0
        self._table = table
        # DynamoDB judges and writes an item at once; moto lets another request in between.
        self._one_at_a_time = asyncio.Lock()

    async def call(self, operation, request):
        self.calls += 1
        async with self._one_at_a_time:
            return await self._table.call(operation, request)


@pytest.fixture
def together(ledger_table):
    """Run `check(processes, table, clock)` with three processes that share a table."""

    def run(check):
        async def main():
            async with client_session() as session:
                table, clock = CountingTable(ledger_table(session)), Clock()
                await check([SharedLimits(table, clock) for _ in range(3)], table, clock)

        asyncio.run(main())

    return run


async def refused(limits: SharedLimits, who: TenantConfig, estimate: Estimate) -> int | None:
    with pytest.raises(ApiError) as caught:
        await limits.reserve(who, estimate)
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    return caught.value.retry_after


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_all_together_are_let_in_as_often_as_one_alone(together, limit):
    async def check(processes, table, clock):
        who, admitted = tenant(requests_per_minute=limit), Counter()

        async def one(process):
            try:
                await process.reserve(who, Estimate(1, 0))
                admitted[processes.index(process)] += 1
            except ApiError:
                pass

        chance = random.Random(3)
        await asyncio.gather(*(one(chance.choice(processes)) for _ in range(3 * limit + 3)))
        for process in processes:  # what is left in a share of another is not lost
            for _ in range(limit):
                await one(process)
        assert admitted.total() == limit

        clock.now += 15
        assert await refused(processes[0], who, Estimate(1, 0)) == 45
        clock.now += 45
        await processes[1].reserve(who, Estimate(1, 0))

    together(check)


def test_tokens_are_reserved_settled_and_never_more_than_the_minute_allows(together):
    async def check(processes, table, clock):
        who, chance, used = tenant(tokens_per_minute=10_000), random.Random(5), 0
        for _ in range(300):
            process = chance.choice(processes)
            try:
                reserved = await process.reserve(who, Estimate(50, 150))
            except ApiError:
                continue
            tokens = chance.randint(50, 200)
            process.settle(who, reserved, tokens, clock.now)
            used += tokens
        assert 9_000 < used <= 10_000

    together(check)


def test_a_busy_process_asks_the_table_seldom(together):
    async def check(processes, table, clock):
        who = tenant(requests_per_minute=800)
        for _ in range(800):
            await processes[0].reserve(who, Estimate(1, 0))
            await asyncio.sleep(0)
        await refused(processes[0], who, Estimate(1, 0))
        calls = table.calls
        assert calls <= PARTS + 1
        for _ in range(100):
            await refused(processes[0], who, Estimate(1, 0))
        assert table.calls == calls

    together(check)


def test_the_next_minute_is_asked_for_before_it_begins(together):
    async def check(processes, table, clock):
        limits, who = processes[0], tenant(requests_per_minute=80)
        clock.now += 58
        await limits.reserve(who, Estimate(1, 0))
        while table.calls < 2:
            await asyncio.sleep(0.001)
        await asyncio.gather(*limits._tasks)

        clock.now += 2
        await limits.reserve(who, Estimate(1, 0))
        assert table.calls == 2

    together(check)


def test_levels_are_those_of_all(together):
    async def check(processes, table, clock):
        who = tenant(requests_per_minute=80, tokens_per_minute=800)
        await processes[0].reserve(who, Estimate(30, 0))
        clock.now += 20

        requests, tokens = processes[0].levels(who)

        assert (requests.limit, requests.remaining, requests.reset) == (80, 79, 40)
        assert (tokens.limit, tokens.remaining) == (800, 770)

    together(check)


def test_without_the_table_each_counts_alone():
    async def run():
        async with client_session() as session:
            table = Table(Upstream(session, "http://127.0.0.1:9", name="DynamoDB"), "none")
            limits, who = SharedLimits(table, Clock()), tenant(requests_per_minute=5)
            for _ in range(5):
                await limits.reserve(who, Estimate(1, 0))
            await refused(limits, who, Estimate(1, 0))

    asyncio.run(run())
