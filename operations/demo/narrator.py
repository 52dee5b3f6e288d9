"""What the demo says while it works: one line a step, and what is happening inside it."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.status import Status

QUIET_SECONDS = 5.0  # without a terminal, a running step speaks at most this often


class StepError(RuntimeError):
    """A step did not do its work; the text is one sentence that names the step and its log."""


@dataclass
class Step:
    """A running step: `say` what is going on, set `result` to what came of it."""

    name: str
    console: Console
    status: Status | None
    result: str = ""
    _spoke: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Show the newest state; a terminal overwrites it, a log gets a line now and then."""
        if self.status is not None:
            room = self.console.width - len(self.name) - 4  # a second line would flicker
            self.status.update(f"{_escaped(self.name)} [dim]{_escaped(text[:room])}[/dim]")
        elif time.monotonic() - self._spoke >= QUIET_SECONDS:
            self._spoke = time.monotonic()
            self.console.print(f"    {text}", markup=False, highlight=False)


class Narrator:
    """Numbers the steps, times them, and turns whatever goes wrong in one into a StepError."""

    def __init__(self, console: Console, *, steps: int, folder: Path) -> None:
        self._console = console
        self._steps = steps
        self._folder = folder
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, purpose: str, *, live: bool = True) -> Iterator[Step]:
        """Run one step; `live=False` when its own output goes to the console."""
        heading = f"[{len(self.seconds) + 1}/{self._steps}] {name:<9}"
        started = time.monotonic()
        if self._console.is_terminal and live:
            status = self._console.status(f"{_escaped(heading)} [dim]{purpose}[/dim]")
        else:
            status = None
            self._console.print(f"{heading} {purpose}", markup=False, highlight=False)
        step = Step(heading, self._console, status)
        try:
            if status is not None:
                status.start()
            yield step
        except Exception as error:
            log = self._folder / "demo.log"
            with log.open("a") as output:
                traceback.print_exc(file=output)
            sentence = " ".join(str(error).split()) or type(error).__name__
            if ".log" not in sentence:
                sentence += f"; see {log}"
            raise StepError(f"step '{name}' failed: {sentence}") from error
        finally:
            if status is not None:
                status.stop()
        self.seconds[name] = time.monotonic() - started
        self._console.print(
            f"[green]✓[/green] {_escaped(heading)} {step.result or purpose}"
            f" [dim]({self.seconds[name]:.1f} s)[/dim]",
            highlight=False,
        )


def _escaped(text: str) -> str:
    """Text in which no bracket is taken for a style."""
    return text.replace("[", "\\[")
