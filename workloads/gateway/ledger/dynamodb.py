"""The ledger in a DynamoDB table, shared by every process of a gateway.

Items, by partition and sort key:

- `entries#TENANT#DAY`, request id: one request; it expires after `KEPT_SECONDS`.
- `usage#MONTH#TENANT`, `DAY#MODEL#PROCESS`: counters. Each process adds to counters of its own, so
  that no two of them ever wait for each other.
- `tenants#MONTH`, tenant: who has counters in that month.
- `process`, process: the requests it has open, and until when it may be believed alive.

A request and its counter are written in one transaction, on the condition that the request is not
there yet: so it is counted once, however often that is tried. What a dead process had open is
marked as unsettled by another.
"""

import asyncio
import logging
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import orjson

from workloads.gateway.dynamodb import DynamoDBError, Table, from_item, to_item
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.ledger.group_commit import Batch, GroupCommit
from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.usage import Usage

KEPT_SECONDS = 400 * 86_400
ENTRIES_AT_ONCE = 33  # a transaction has 100 items at most: an entry, its counter and its tenant
LEASE_SECONDS = 2.0  # between two notes of what is open
DEAD_SECONDS = 30.0  # without a note, then a process is believed dead
SEARCH_SECONDS = 60.0  # between two searches for dead ones
MOST_NOTED = 3_000  # open requests that fit into the 400 KB of an item
FIELDS = ("requests", "unsettled", "input", "output", "cache_read", "cache_write", "cost")

log = logging.getLogger(__name__)


class DynamoDBLedger:
    """`process` is this one's name, which no other ever had."""

    def __init__(self, table: Table, process: str | None = None) -> None:
        self._table = table
        self._process = process or os.urandom(6).hex()
        self._commits = GroupCommit(self._write, notice_seconds=None)
        self.reserve: Callable[[Reservation], None] = self._commits.reserve
        self.release: Callable[[str], None] = self._commits.release
        self.settle: Callable[[Entry], asyncio.Future[None]] = self._commits.settle
        self._introduced: set[tuple[str, str]] = set()  # months and tenants
        self._tasks = [asyncio.create_task(self._note()), asyncio.create_task(self._search())]

    async def spent(self, tenant: str, month: str) -> int:
        try:
            items = [item async for item in self._table.query(f"usage#{month}#{tenant}")]
        except (DynamoDBError, TimeoutError) as error:
            raise _unreadable(error) from error
        return sum(int(item["cost"]) for item in items)

    async def usage(self, since: date, until: date, tenant: str | None = None) -> list[UsageRow]:
        sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * len(FIELDS))
        try:
            for month in _months(since, until):
                tenants = [tenant]
                if tenant is None:
                    tenants = [item["sk"] async for item in self._table.query(f"tenants#{month}")]
                for name in tenants:
                    items = self._table.query(f"usage#{month}#{name}", f"{since}", f"{until}~")
                    async for item in items:
                        day, model, _ = item["sk"].split("#")
                        row = sums[day, str(name), model]
                        for place, field in enumerate(FIELDS):
                            row[place] += item[field]
        except (DynamoDBError, TimeoutError) as error:
            raise _unreadable(error) from error
        return [
            UsageRow(*key, requests, unsettled, Usage(*tokens), cost)
            for key, (requests, unsettled, *tokens, cost) in sorted(sums.items())
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._commits.drained()
        with suppress(ApiError, DynamoDBError, TimeoutError):  # another will find it out
            await self._put_note(self._commits.unnoticed())

    async def _write(self, batch: Batch) -> None:
        entries = list({entry.request_id: entry for entry in reversed(batch.entries)}.values())
        for start in range(0, len(entries), ENTRIES_AT_ONCE):
            await self._commit(entries[start : start + ENTRIES_AT_ONCE])

    async def _commit(self, entries: list[Entry]) -> None:
        """One transaction, again until it is through. Raises DynamoDBError, ApiError."""
        late: set[str] = set()  # found unsettled, as if this process were dead
        for attempt in range(8):
            puts = [self._put(entry, entry.request_id in late) for entry in entries]
            actions = [*puts, *self._counters(entries, late)]
            try:
                if entries:
                    await self._table.call("TransactWriteItems", {"TransactItems": actions})
                self._introduced.update((_month(entry), entry.tenant) for entry in entries)
                return
            except DynamoDBError as error:
                reasons = error.answer.get("CancellationReasons") or []
                if error.name != "TransactionCanceledException" or not reasons:
                    raise
            if all(reason["Code"] != "ConditionalCheckFailed" for reason in reasons):
                await asyncio.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.5))  # a conflict
                continue
            entries, late = _without_known(entries, reasons, late)
        raise unavailable("the ledger's table refuses a transaction again and again")

    def _put(self, entry: Entry, late: bool) -> dict[str, Any]:
        item = {
            "pk": f"entries#{entry.tenant}#{_day(entry)}",
            "sk": entry.request_id,
            "at": entry.at,
            "model": entry.model,
            "state": "unsettled" if entry.usage is None else "settled",
            "expires": int(entry.at) + KEPT_SECONDS,
            **(entry.usage._asdict() if entry.usage else {}),
            **({} if entry.cost is None else {"cost": entry.cost}),
        }
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if late:
            put["ConditionExpression"] = "#state = :unsettled"
            put["ExpressionAttributeNames"] = {"#state": "state"}
            put["ExpressionAttributeValues"] = to_item({":unsettled": "unsettled"})
        return {"Put": put}

    def _counters(self, entries: Iterable[Entry], late: set[str]) -> Iterator[dict[str, Any]]:
        sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(FIELDS))
        strangers: set[tuple[str, str]] = set()
        for entry in entries:
            month = _month(entry)
            key = f"usage#{month}#{entry.tenant}", f"{_day(entry)}#{entry.model}#{self._process}"
            if entry.usage is None:
                values = [0, 1, 0, 0, 0, 0, 0]
            else:
                values = [1, -(entry.request_id in late), *entry.usage, entry.cost or 0]
            sums[key] = [old + new for old, new in zip(sums[key], values, strict=True)]
            strangers.add((month, entry.tenant))
        for (pk, sk), values in sums.items():
            yield {
                "Update": {
                    "TableName": self._table.name,
                    "Key": to_item({"pk": pk, "sk": sk}),
                    "UpdateExpression": "ADD " + ", ".join(f"#{f} :{f}" for f in FIELDS),
                    "ExpressionAttributeNames": {f"#{field}": field for field in FIELDS},
                    "ExpressionAttributeValues": to_item(
                        {f":{f}": value for f, value in zip(FIELDS, values, strict=True)}
                    ),
                }
            }
        for month, tenant in strangers - self._introduced:
            item = to_item({"pk": f"tenants#{month}", "sk": tenant})
            yield {"Put": {"TableName": self._table.name, "Item": item}}

    async def _note(self) -> None:
        """Note for ever which requests are open."""
        noted = False
        while True:
            await asyncio.sleep(LEASE_SECONDS)
            open = self._commits.unnoticed()[:MOST_NOTED]
            if open or noted:
                try:
                    await self._put_note(open)
                    noted = bool(open)
                except (ApiError, DynamoDBError, TimeoutError) as error:
                    log.error("open requests cannot be noted: %s", error)

    async def _put_note(self, open: list[Reservation]) -> None:
        now = time.time()
        note = {
            "pk": "process",
            "sk": self._process,
            "until": int(now + DEAD_SECONDS),
            "open": orjson.dumps([tuple(one) for one in open]).decode(),
            "expires": int(now) + KEPT_SECONDS,
        }
        await self._table.call("PutItem", {"TableName": self._table.name, "Item": to_item(note)})

    async def _search(self) -> None:
        """Settle for ever what dead processes have left open."""
        while True:
            try:
                await self.bury(time.time())
            except (ApiError, DynamoDBError, TimeoutError) as error:
                log.error("dead processes cannot be searched for: %s", error)
            await asyncio.sleep(SEARCH_SECONDS * random.uniform(0.5, 1.5))

    async def bury(self, now: float) -> None:
        """Mark what processes that are dead by `now` have left open as unsettled."""
        async for note in self._table.query("process"):
            if note["sk"] == self._process or note["until"] > now or note["open"] == "[]":
                continue
            left = [Reservation(*one) for one in orjson.loads(note["open"])]
            await self._write(Batch([Entry(*one, None, None) for one in left], [], []))
            log.warning("process %s died with %d open requests", note["sk"], len(left))
            done = {**note, "open": "[]"}
            request = {
                "TableName": self._table.name,
                "Item": to_item(done),
                "ConditionExpression": "#until = :until",  # it is not alive after all
                "ExpressionAttributeNames": {"#until": "until"},
                "ExpressionAttributeValues": to_item({":until": note["until"]}),
            }
            try:
                await self._table.call("PutItem", request)
            except DynamoDBError as error:
                if error.name != "ConditionalCheckFailedException":
                    raise


def _without_known(
    entries: list[Entry], reasons: list[dict[str, Any]], late: set[str]
) -> tuple[list[Entry], set[str]]:
    """The entries that are still to be written, and those of them that replace an unsettled one."""
    left, late = [], set(late)
    for entry, reason in zip(entries, reasons, strict=False):  # the counters' reasons come after
        if reason["Code"] == "ConditionalCheckFailed":
            known = from_item(reason.get("Item") or {})
            if entry.usage is None or known.get("state") != "unsettled":
                continue
            late.add(entry.request_id)
        left.append(entry)
    return left, late


def _day(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(entry.at))


def _month(entry: Entry) -> str:
    return time.strftime("%Y-%m", time.gmtime(entry.at))


def _months(since: date, until: date) -> Iterator[str]:
    for month in range(since.year * 12 + since.month - 1, until.year * 12 + until.month):
        yield f"{month // 12:04d}-{month % 12 + 1:02d}"


def _unreadable(error: Exception) -> ApiError:
    log.error("the ledger's table cannot be read: %s", error)
    return unavailable("usage cannot be read at the moment")
