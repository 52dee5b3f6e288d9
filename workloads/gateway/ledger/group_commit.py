"""Entries of many requests, written together: what comes during one write is in the next."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.ledger.ledger import Entry, Reservation

GATHER_SECONDS = 0.002  # waited for company where other requests are open
AGAIN_SECONDS = 0.5  # after a write that failed
PATIENCE_SECONDS = 10.0  # then whoever waits is told, and new requests are refused

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """What one write has to do; of the released requests a reservation was written before."""

    entries: list[Entry]
    reserved: list[Reservation]
    released: list[str]


class GroupCommit:
    """The waiting room before a ledger's store.

    `write` is awaited with one batch at a time, and again with it, and more, where it raises; so
    it must not mind what was written already. A reservation is written once its request lasts
    for `notice_seconds`: most are over before, and cost nothing.

    `write_now` is for a store that one entry can be given at once, in the event loop: it is tried
    before, while nothing older waits. False where that failed.
    """

    def __init__(
        self,
        write: Callable[[Batch], Awaitable[None]],
        *,
        notice_seconds: float | None,
        write_now: Callable[[Entry], bool] = lambda _: False,
    ) -> None:
        self._write = write
        self._write_now = write_now
        self._notice_seconds = notice_seconds
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._reserved: list[Reservation] = []
        self._released: list[str] = []
        self._fresh: dict[str, Reservation] = {}
        self._noticed: set[str] = set()  # open requests whose reservation is written
        self._writing = self._watching = False
        self._failing_since: float | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()  # of all written at once
        self._done.set_result(None)

    def reserve(self, reservation: Reservation) -> None:
        """Raises ApiError 503 while nothing can be written."""
        if self._failing_since is not None and self._out_of_patience():
            raise _unwritable()
        self._fresh[reservation.request_id] = reservation
        if not self._watching and self._notice_seconds is not None:
            self._watching = True
            self._loop.call_later(self._notice_seconds, self._notice)

    def release(self, request_id: str) -> None:
        if self._fresh.pop(request_id, None) is None and request_id in self._noticed:
            self._noticed.remove(request_id)
            self._released.append(request_id)
            self._begin()

    def settle(self, entry: Entry) -> asyncio.Future[None]:
        if self._fresh.pop(entry.request_id, None) is None:
            self._noticed.discard(entry.request_id)
        if not self._writing and self._write_now(entry):
            return self._done
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((entry, future))
        self._begin()
        return future

    def unnoticed(self) -> list[Reservation]:
        """The open requests whose reservation is not written."""
        return list(self._fresh.values())

    async def drained(self) -> None:
        """Wait until nothing waits any more; not for ever if it cannot be written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._idle.wait()

    def _notice(self) -> None:
        """Write the reservations of the requests that are open for a while."""
        assert self._notice_seconds is not None
        until = time.time() - self._notice_seconds
        while self._fresh:
            id, reservation = next(iter(self._fresh.items()))  # the oldest
            if reservation.at > until:
                break
            self._noticed.add(id)
            self._reserved.append(self._fresh.pop(id))
        if self._reserved:
            self._begin()
        self._watching = bool(self._fresh)
        if self._watching:
            self._loop.call_later(self._notice_seconds, self._notice)

    def _begin(self) -> None:
        if not self._writing:
            self._writing = True
            self._idle.clear()
            self._gather()

    def _gather(self) -> None:
        """Write soon: a write of one entry costs nearly as much as one of many."""
        if self._fresh or self._noticed:
            self._loop.call_later(GATHER_SECONDS, self._next)
        else:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        waiting, self._waiting = self._waiting, []
        batch = Batch([entry for entry, _ in waiting], self._reserved, self._released)
        self._reserved, self._released = [], []
        written = asyncio.ensure_future(self._write(batch))
        written.add_done_callback(lambda done: self._written(done, waiting, batch))

    def _written(
        self,
        done: asyncio.Future[None],
        waiting: list[tuple[Entry, asyncio.Future[None]]],
        batch: Batch,
    ) -> None:
        if error := None if done.cancelled() else done.exception():
            self._failed(error, waiting, batch)
            return
        self._failing_since = None
        for _, future in waiting:
            if not future.done():
                future.set_result(None)
        if self._waiting or self._reserved or self._released:
            self._gather()
        else:
            self._writing = False
            self._idle.set()

    def _failed(
        self,
        error: BaseException,
        waiting: list[tuple[Entry, asyncio.Future[None]]],
        batch: Batch,
    ) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        log.error("the ledger cannot be written, %d requests wait: %s", len(waiting), error)
        self._waiting = [*waiting, *self._waiting]
        self._reserved = [*batch.reserved, *self._reserved]
        self._released = [*batch.released, *self._released]
        if self._out_of_patience():
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(_unwritable())
        self._loop.call_later(AGAIN_SECONDS, self._next)

    def _out_of_patience(self) -> bool:
        since = self._failing_since
        return since is not None and time.monotonic() - since > PATIENCE_SECONDS


def _unwritable() -> ApiError:
    return unavailable("usage cannot be recorded at the moment", retry_after=10)
