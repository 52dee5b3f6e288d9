"""attempts.jsonl: every start of a run's command, and which of them may write.

The newest start owns the run. An older job that lives on somewhere, a zombie, finds the file
changed before it completes another checkpoint, and ends.
"""

import json
import time
from typing import Any

from workloads.command import StageError
from workloads.files import Folder
from workloads.swap import Conflict, read_versioned, write_versioned

FILE = "attempts.jsonl"


class Attempts:
    """The file as this start left it; used by the first process alone."""

    def __init__(self, out: Folder) -> None:
        self._out = out
        data, self._version = read_versioned(out, FILE)
        self.rows = [_parse(line) for line in data.splitlines()]

    @property
    def number(self) -> int:
        """Of the latest start; 0 before the first."""
        return len(self.rows)

    @property
    def began(self) -> float:
        """When the run was first started, in seconds since 1970."""
        return float(self.rows[0]["began_unix_seconds"])

    def begin(self, *, step: int, processes: int, device: str) -> None:
        """Take the run over, after `step`; StageError if another start does just then."""
        self.rows.append(
            {
                "attempt": self.number + 1,
                "step": step,
                "began_unix_seconds": round(time.time(), 3),
                "processes": processes,
                "device": device,
            }
        )
        data = "".join(json.dumps(row) + "\n" for row in self.rows).encode()
        try:
            self._version = write_versioned(self._out, FILE, data, self._version)
        except Conflict:
            raise StageError(f"{self._out.uri}: another job starts into this run now") from None

    def check_owner(self) -> None:
        """StageError once a later start has taken the run over."""
        if read_versioned(self._out, FILE)[1] != self._version:
            raise StageError(taken_over(self._out))


def taken_over(out: Folder) -> str:
    return (
        f"{out.uri}: another job has continued this run since; this one ends without writing"
        " (two jobs must not share an --out)"
    )


def _parse(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return row
