"""How every stage's command speaks to its user: options, sentences, exit codes."""

import argparse
import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn


class InputError(ValueError):
    """What the user gave is wrong; the text is one sentence that says what would be right."""


class StageError(RuntimeError):
    """The stage could not do its work; the text is one sentence that says why."""


class Parser(argparse.ArgumentParser):
    """An argument parser that shows its description as written and complains in one sentence."""

    def __init__(self, *, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # an option's name is part of what is hashed and handed on
        )

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see --help)")


def count(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """An option's type: a whole number within limits."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"{value} is too small: at least {minimum}")
        if maximum is not None and value > maximum:
            raise argparse.ArgumentTypeError(f"{value} is too large: at most {maximum}")
        return value

    return parse


def run(
    program: str, work: Callable[[], None], *, silent: Callable[[], bool] = lambda: False
) -> int:
    """Do the work; the exit code is 0, 2 after an InputError, 1 after a StageError.

    `silent` is asked before a sentence is printed: it may know that another process says it.
    """
    try:
        work()
    except (InputError, StageError) as error:
        if not silent():
            print(f"{program}: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr, flush=True)
        return 130
    return 0


def end(main: Callable[[], int | None]) -> NoReturn:
    """End the process with what `main` returns; in silence, with 1, where nobody reads on.

    `| head` closes the pipe under whatever is printed, argparse's help included.
    """
    code: object
    try:
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    except BrokenPipeError:
        if _is_read():
            raise  # another pipe, or a socket
        # Python flushes once more at its end; docs.python.org, signal, "Note on SIGPIPE".
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise SystemExit(code)


def _is_read() -> bool:
    """Whether somebody still reads standard output."""
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLOUT)
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in output.poll(0))


def progress(text: str) -> None:
    """One line for whoever watches; results go to stdout or files, never here."""
    print(text, file=sys.stderr, flush=True)
