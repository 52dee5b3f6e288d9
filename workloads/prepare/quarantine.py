"""Where the rows go that are no text: file, offset, reason; counted, and never in the way."""

import json
from collections import Counter
from typing import Any

from workloads.prepare.rows import Bad
from workloads.prepare.sources import Slice, StorySlice

MOST_RECORDS = 100_000  # of one part, so that a file of nothing else does not fill the memory


class Quarantine:
    """The bad rows of a part."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._rest: dict[str, Any] = {}
        self.rows = Counter[str]()  # by reason

    def put(self, piece: Slice, row: Bad) -> None:
        """Add one; beyond MOST_RECORDS the first of the rest stands for all of them."""
        self.rows[row.reason] += row.rows
        if self._rest:
            self._rest["rows"] += row.rows
            return
        record = _place(piece) | {"offset": row.offset, "rows": row.rows, "reason": row.reason}
        record |= {"detail": row.detail} if row.detail else {}
        if len(self._lines) < MOST_RECORDS:
            self._lines.append(_line(record))
        else:
            self._rest = record | {"reason": "all others from here on"}

    def lines(self) -> bytes:
        """Every record as a line of JSON."""
        return b"".join([*self._lines, *([_line(self._rest)] if self._rest else [])])


def _place(piece: Slice) -> dict[str, Any]:
    if isinstance(piece, StorySlice):
        return {"file": f"stories of seed {piece.seed}", "unit": "story"}
    return {"file": piece.uri, "unit": "row" if piece.format == "parquet" else "byte"}


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
