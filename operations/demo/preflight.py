"""What preflight finds in the emulated account before anything is deployed into it."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from operations.embedded.cdk import Say
from operations.processes import Process, ProcessError

_PROGRESS = re.compile(r"\d+/\d+ [a-z-]+: ")  # preflight's lines on standard error
# An emulator runs no image, and has none.
_MISSING = ("node-images", "gateway-image", "endpoint-image")


def command(environment: str, folder: Path) -> list[str | Path]:
    """The command that asks for an environment of a folder."""
    words = [sys.executable, "-m", "operations.preflight", environment]
    return [*words, "--json", "--environments", folder]


def result(process: Process, *, needs: Process, say: Say) -> str:
    """Wait for the command, saying how far it is; one line on what it found. See `summary`."""
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if _PROGRESS.match(line):
            say(line)

    # It ends with 1 where something would fail, which an emulator's lack of images does.
    with process, suppress(ProcessError):
        process.check(on_line=on_line, needs=[needs])
    needs.ensure_running()
    return summary(lines)


def summary(lines: Sequence[str]) -> str:
    """One line on what the command printed as JSON.

    Raises RuntimeError when it printed none, or found something that an emulator need not lack.
    """
    try:
        answer = json.loads("\n".join(line for line in lines if not _PROGRESS.match(line)))
    except ValueError:
        raise RuntimeError("preflight did not come to an end") from None
    fails = [row for row in answer["findings"] if row["severity"] == "fails"]
    if wrong := [row["what"] for row in fails if row["question"] not in _MISSING]:
        raise RuntimeError("; ".join(wrong))
    asked, unknown = len(answer["asked"]), len(answer["not_answered"])
    return (
        f"{asked - unknown} of {asked} questions answered, the others are beyond the emulator; an "
        f"account like this one would lack {_listed(row['question'] for row in fails)}"
    )


def _listed(questions: Iterable[str]) -> str:
    names = [name.replace("-", " ") for name in dict.fromkeys(questions)]
    return ", ".join(names) or "nothing"
