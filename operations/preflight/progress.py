"""How far the asking is: on standard error, so that the findings stay what is printed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from operations.preflight.asking import OnOutcome, Outcome


@contextmanager
def progress(questions: int) -> Iterator[OnOutcome]:
    """A bar in a terminal; elsewhere a line for each question that is through."""
    console = Console(stderr=True, highlight=False)
    done = 0

    def line(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        said = "asked" if outcome.answered else "could not be asked"
        print(f"{done}/{questions} {outcome.question.id}: {said}", file=sys.stderr, flush=True)

    if not console.is_terminal:
        yield line
        return
    columns = (
        TextColumn("asking AWS"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=questions)
        yield lambda outcome: bar.update(task, advance=1, description=outcome.question.id)
