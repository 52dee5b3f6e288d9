"""The ledger in one SQLite file.

A write is in the hands of the operating system before it is reported, so that killing the process
takes nothing back. It reaches the disk within a second: syncing every commit would add the disk's
own milliseconds to every answer. So a power failure may take the last second, and never more.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TypeVar

import orjson

from workloads.gateway.ledger.group_commit import Batch, GroupCommit
from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.state import connect
from workloads.gateway.usage import Usage

SYNC_SECONDS = 1.0
NOTICE_SECONDS = 0.1

Result = TypeVar("Result")

# Counters are kept by triggers, in the transaction of the request they count.
SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, at REAL NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'unsettled', 'settled')),
    input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, cost INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_requests ON requests (id) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS usage (
    day TEXT, tenant TEXT, model TEXT, requests INTEGER NOT NULL, unsettled INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cost INTEGER NOT NULL,
    PRIMARY KEY (day, tenant, model)
) WITHOUT ROWID;
"""
COUNT = """
CREATE TRIGGER IF NOT EXISTS count_{name} AFTER {event} ON requests WHEN NEW.state <> 'open' BEGIN
    INSERT INTO usage VALUES (
        date(NEW.at, 'unixepoch'), NEW.tenant, NEW.model,
        NEW.state = 'settled', (NEW.state = 'unsettled') - {was_unsettled},
        ifnull(NEW.input, 0), ifnull(NEW.output, 0),
        ifnull(NEW.cache_read, 0), ifnull(NEW.cache_write, 0), ifnull(NEW.cost, 0))
    ON CONFLICT DO UPDATE SET
        requests = requests + excluded.requests, unsettled = unsettled + excluded.unsettled,
        input = input + excluded.input, output = output + excluded.output,
        cache_read = cache_read + excluded.cache_read,
        cache_write = cache_write + excluded.cache_write, cost = cost + excluded.cost;
END;
"""
SETTLE = """
INSERT INTO requests {rows}
ON CONFLICT DO UPDATE SET
    at = excluded.at, tenant = excluded.tenant, model = excluded.model, state = excluded.state,
    input = excluded.input, output = excluded.output,
    cache_read = excluded.cache_read, cache_write = excluded.cache_write, cost = excluded.cost
WHERE state = 'open' OR state = 'unsettled' AND excluded.state = 'settled'
"""
SETTLE_ONE = SETTLE.format(rows="VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
# One statement for a whole batch, as JSON: the interpreter's lock is let go once.
SETTLE_ALL = SETTLE.format(
    rows="""
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
    value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9
FROM json_each(?) WHERE true"""
)
RESERVE = """
INSERT OR IGNORE INTO requests (id, at, tenant, model, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 'open' FROM json_each(?)
"""
RELEASE = """
DELETE FROM requests WHERE state = 'open' AND id IN (SELECT value FROM json_each(?))
"""


class SqliteLedger:
    """One writer in a thread of its own; reads and the sync to the disk in another.

    A single request's entry is written without them, where no other process is just writing.

    What an earlier process left open is marked as unsettled. Raises sqlite3.Error.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection.executescript(
            SCHEMA
            + COUNT.format(name="new", event="INSERT", was_unsettled="0")
            + COUNT.format(
                name="known", event="UPDATE OF state", was_unsettled="(OLD.state = 'unsettled')"
            )
        )
        self._connection.execute("UPDATE requests SET state = 'unsettled' WHERE state = 'open'")
        self._writer = ThreadPoolExecutor(1, "ledger-writer")
        self._prompt_connection = connect(path, patience=0)
        self._side_connection = connect(path)
        self._side = ThreadPoolExecutor(1, "ledger-side")
        self._commits = GroupCommit(
            self._write, notice_seconds=NOTICE_SECONDS, write_now=self._write_now
        )
        self.reserve: Callable[[Reservation], None] = self._commits.reserve
        self.release: Callable[[str], None] = self._commits.release
        self.settle: Callable[[Entry], asyncio.Future[None]] = self._commits.settle
        self._sync_timer: asyncio.TimerHandle | None = None

    async def spent(self, tenant: str, month: str) -> int:
        def read() -> int:
            rows = self._side_connection.execute(
                "SELECT cost FROM usage WHERE day BETWEEN ? AND ? AND tenant = ?",
                (f"{month}-01", f"{month}-31", tenant),
            )
            return sum(cost for (cost,) in rows)

        return await self._aside(read)

    async def usage(self, since: date, until: date, tenant: str | None = None) -> list[UsageRow]:
        def read() -> list[UsageRow]:
            rows = self._side_connection.execute(
                "SELECT * FROM usage WHERE day BETWEEN ? AND ? AND (tenant = ? OR ? IS NULL) "
                "ORDER BY day, tenant, model",
                (since.isoformat(), until.isoformat(), tenant, tenant),
            )
            return [
                UsageRow(day, tenant, model, requests, unsettled, Usage(*tokens), cost)
                for day, tenant, model, requests, unsettled, *tokens, cost in rows
            ]

        return await self._aside(read)

    async def close(self) -> None:
        await self._commits.drained()
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        self._writer.shutdown()
        self._side.shutdown()
        self._side_connection.close()
        self._prompt_connection.close()
        self._connection.close()  # the last one, which moves everything into the file

    def _write(self, batch: Batch) -> asyncio.Future[None]:
        self._sync_soon()
        return asyncio.get_running_loop().run_in_executor(self._writer, self._commit, batch)

    def _write_now(self, entry: Entry) -> bool:
        self._sync_soon()
        try:
            self._prompt_connection.execute(SETTLE_ONE, _row(entry))
        except sqlite3.Error:  # locked, most likely; the writer waits, and knows what to do
            return False
        return True

    def _commit(self, batch: Batch) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            # In the order in which they happened: what is reserved may be over by now.
            if batch.reserved:
                execute(RESERVE, (orjson.dumps([tuple(one) for one in batch.reserved]).decode(),))
            if batch.released:
                execute(RELEASE, (orjson.dumps(batch.released).decode(),))
            if batch.entries:
                rows = [_row(entry) for entry in batch.entries]
                execute(SETTLE_ALL, (orjson.dumps(rows).decode(),))
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def _sync_soon(self) -> None:
        if self._sync_timer is None:
            loop = asyncio.get_running_loop()
            self._sync_timer = loop.call_later(SYNC_SECONDS, self._sync)

    def _sync(self) -> None:
        self._sync_timer = None
        self._side.submit(self._side_connection.execute, "PRAGMA wal_checkpoint(PASSIVE)")

    async def _aside(self, read: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._side, read)


def _row(entry: Entry) -> tuple[object, ...]:
    id, at, tenant, model, usage, cost = entry
    if usage is None:
        return (id, at, tenant, model, "unsettled", None, None, None, None, None)
    return (id, at, tenant, model, "settled", *usage, cost)
