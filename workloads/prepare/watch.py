"""Progress: bars for a terminal, a line for each phase elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from workloads.command import progress


class Watch:
    """One bar at a time, on stderr."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=console, transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip

    def __enter__(self) -> "Watch":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, name: str, *, total: int, done: int) -> None:
        self._bar = self._bars.add_task(name, total=total, completed=done)

    def advance(self) -> None:
        self._bars.advance(self._bar)

    def end(self, line: str) -> None:
        self._bars.remove_task(self._bar)
        progress(line)
