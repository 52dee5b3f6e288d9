"""The ledger in one SQLite file, behind a journal.

What is settled is appended to a journal, and acknowledged once that is in the hands of the
operating system, so that killing the process takes nothing back. Each second a thread moves it into
the SQLite file, syncs that, and deletes the journal: syncing every request would add the disk's own
milliseconds to every answer. So a power failure may take the last second, and never more. What is
moved twice, because the process was killed in between, is counted once. The journals of a process
that is gone are moved by the next one on the file, or by one that runs beside it.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TypeVar

import orjson

from workloads.gateway.errors import unavailable
from workloads.gateway.ledger.group_commit import Batch, GroupCommit
from workloads.gateway.ledger.journal import Journal, left_over
from workloads.gateway.ledger.ledger import Entry, Reservation, UsageRow
from workloads.gateway.ledger.tables import close_open, move, prepare
from workloads.gateway.state import connect
from workloads.gateway.usage import Usage

SYNC_SECONDS = 1.0
NOTICE_SECONDS = 0.1
LOCKED_SECONDS = 1.0  # waited for another process that is writing; then again after a sync's time

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class SqliteLedger:
    """Appends in the event loop; everything that SQLite does is in one thread beside it.

    What an earlier process left open is marked as unsettled. Raises sqlite3.Error, OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._connection = connect(self._path)
        prepare(self._connection)
        self._finished: deque[Journal] = deque()  # appended to no more, oldest first
        self._move()
        close_open(self._connection)
        self._connection.execute(f"PRAGMA busy_timeout = {LOCKED_SECONDS * 1000:.0f}")
        self._journal = Journal.create(self._path)
        self._side = ThreadPoolExecutor(1, "ledger")
        self._commits = GroupCommit(
            self._write, notice_seconds=NOTICE_SECONDS, write_now=self._write_now
        )
        self.reserve: Callable[[Reservation], None] = self._commits.reserve
        self.release: Callable[[str], None] = self._commits.release
        self.settle: Callable[[Entry], asyncio.Future[None]] = self._commits.settle
        self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def spent(self, tenant: str, month: str) -> int:
        def read() -> int:
            rows = self._connection.execute(
                "SELECT cost FROM usage WHERE day BETWEEN ? AND ? AND tenant = ?",
                (f"{month}-01", f"{month}-31", tenant),
            )
            return sum(cost for (cost,) in rows)

        return await self._read(read)

    async def usage(self, since: date, until: date, tenant: str | None = None) -> list[UsageRow]:
        def read() -> list[UsageRow]:
            rows = self._connection.execute(
                "SELECT * FROM usage WHERE day BETWEEN ? AND ? AND (tenant = ? OR ? IS NULL) "
                "ORDER BY day, tenant, model",
                (since.isoformat(), until.isoformat(), tenant, tenant),
            )
            return [
                UsageRow(day, tenant, model, requests, unsettled, Usage(*tokens), cost)
                for day, tenant, model, requests, unsettled, *tokens, cost in rows
            ]

        return await self._read(read)

    async def close(self) -> None:
        """Leaves no journal, unless SQLite cannot be written now: the next ledger moves it."""
        await self._commits.drained()
        self._syncing.cancel()
        try:
            await self._empty()
            while self._journal.size:  # a request ended meanwhile
                await self._empty()
            self._journal.delete()
        except (sqlite3.Error, OSError):
            for journal in (*self._finished, self._journal):
                journal.close()
        self._side.shutdown()
        self._connection.close()

    async def _write(self, batch: Batch) -> None:
        lines = [
            *(_dumps((*one, "open")) for one in batch.reserved),
            *(_dumps((id, None, None, None, "released")) for id in batch.released),
            *map(_line, batch.entries),
        ]
        self._journal.append(b"".join(lines))

    def _write_now(self, entry: Entry) -> bool:
        try:
            self._journal.append(_line(entry))
        except OSError:  # the disk is full, most likely; it is tried again, and said
            return False
        return True

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            with suppress(sqlite3.Error, OSError):
                await self._empty()

    async def _empty(self) -> None:
        """Move everything that is appended by now. Raises sqlite3.Error, OSError."""
        try:
            if self._finished:  # it failed, or another is waiting for it
                await self._aside(self._move)
            if self._journal.size:
                following = Journal.create(self._path)
                self._finished.append(self._journal)
                self._journal = following
            await self._aside(self._move)
        except (sqlite3.Error, OSError) as error:
            log.error(
                "requests wait beside %s, into which they cannot be moved: %s", self._path, error
            )
            raise

    def _move(self) -> None:
        self._finished.extend(left_over(self._path))
        while self._finished:
            move(self._finished[0], self._connection)
            self._finished.popleft()

    async def _read(self, read: Callable[[], Result]) -> Result:
        try:
            await self._empty()
            return await self._aside(read)
        except (sqlite3.Error, OSError) as error:
            raise unavailable("usage cannot be read at the moment") from error

    async def _aside(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._side, work)


def _line(entry: Entry) -> bytes:
    id, at, tenant, model, usage, cost = entry
    if usage is None:
        return _dumps((id, at, tenant, model, "unsettled"))
    return _dumps((id, at, tenant, model, "settled", *usage, cost))


def _dumps(line: tuple[object, ...]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
