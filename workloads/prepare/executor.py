"""Who does the tasks: processes on this machine, and the other pods of an indexed Job."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import TracebackType

from workloads.command import StageError
from workloads.prepare.watch import Watch
from workloads.prepare.work import Tally, Task, do, opened, read_tally

_POLL_SECONDS = (0.5, 15.0)  # from the first to the last: a listing may be many requests


@dataclass(frozen=True)
class Share:
    """Which tasks are ours: every `of`-th, from `index` on. All pods share the work folder."""

    index: int = 0
    of: int = 1


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What a phase took here: `ran` of its `tasks`, the others were done before or elsewhere."""

    name: str
    tasks: int
    ran: int
    seconds: float


@dataclass
class Executor:
    """Does phases one after the other; a phase begins when every task of the last one is done.

    patience: seconds without progress after which a phase that waits for other pods gives up.
    """

    work: str
    workers: int = 1
    share: Share = field(default_factory=Share)
    patience: float = 3600.0
    phases: list[Phase] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)
    _pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Executor":
        self._watch = self._stack.enter_context(Watch())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def run(self, name: str, tasks: Sequence[Task]) -> list[Tally]:
        """The tallies of all tasks, which have the phase's name before theirs."""
        began = time.monotonic()
        folder = opened(self.work)
        done = self._done(name)
        mine = [task for task in self.mine(tasks) if task.marker not in done]
        self._watch.begin(name, total=len(tasks), done=len(tasks) - len(mine))
        for _ in self._finish(mine):
            self._watch.advance()
        if self.share.of > 1:
            self._wait(name, tasks)
        took = time.monotonic() - began
        self._watch.end(
            f"{name}: {len(tasks)} tasks, {len(mine)} of them done here in {took:.1f} s"
        )
        self.phases.append(Phase(name=name, tasks=len(tasks), ran=len(mine), seconds=took))
        with ThreadPoolExecutor(16) as readers:
            return list(readers.map(lambda task: read_tally(task, folder), tasks))

    def mine(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that this pod does."""
        return tasks[self.share.index :: self.share.of]

    def _finish(self, tasks: Sequence[Task]) -> Iterator[None]:
        if self.workers == 1 or len(tasks) < 2:
            for task in tasks:
                _do(task, self.work)
                yield
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_live_with_parent,
            )
        try:
            for future in as_completed(self._pool.submit(_do, task, self.work) for task in tasks):
                future.result()
                yield
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed, perhaps for want of memory; the same command goes on"
                " from here, with fewer --workers if need be"
            ) from None

    def _wait(self, name: str, tasks: Sequence[Task]) -> None:
        """Until the other pods have done theirs."""
        missing, since = len(tasks) + 1, time.monotonic()
        pause, longest = _POLL_SECONDS
        while True:
            done = self._done(name)
            late = [place for place, task in enumerate(tasks) if task.marker not in done]
            if not late:
                return
            if len(late) < missing:
                missing, since = len(late), time.monotonic()
            if time.monotonic() - since > self.patience:
                raise StageError(
                    f"index {late[0] % self.share.of} of {self.share.of} has not written"
                    f" {self.work}/{tasks[late[0]].marker} in {self.patience:.0f} s; see what its"
                    " pod does, then run this again"
                )
            time.sleep(pause)
            pause = min(1.5 * pause, longest)

    def _done(self, name: str) -> set[str]:
        folder = opened(self.work).folder(name)
        return {f"{name}/{file}" for file in folder.names()}


def _do(task: Task, work: str) -> None:
    try:
        do(task, opened(work))
    except OSError as error:
        raise StageError(f"{work}/{task.stem}: {error}") from error


def _live_with_parent() -> None:
    """Leave the keyboard to the parent, and end when it does, however that was."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
