"""Tokens of all parts end to end, cut into sequences of one length, and those into shards."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.files import Folder
from workloads.prepare.layout import TOKENS, dtype
from workloads.prepare.work import Tally, Task, opened, read_tally


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A shard: how many sequences, and the tokens of which parts, from where to where."""

    sequences: int
    spans: tuple[tuple[int, int, int], ...]


def cuts(tokens: Sequence[int], length: int, sequences: int) -> list[Cut]:
    """Shards of so many sequences out of parts of so many tokens.

    A sequence is `length` + 1 tokens, the last of which begins the next one, so that each token
    but the first is once a target. What does not fill one at the end is left out.
    """
    ends = np.cumsum(tokens)
    rows = max(0, (int(ends[-1]) - 1) // length) if len(ends) else 0
    found = []
    for first in range(0, rows, sequences):
        some = min(sequences, rows - first)
        start, stop = first * length, (first + some) * length + 1
        inside = range(np.searchsorted(ends, start, "right"), np.searchsorted(ends, stop) + 1)
        begins = {part: int(ends[part]) - tokens[part] for part in inside}
        spans = tuple(
            (part, max(start - begin, 0), min(stop - begin, tokens[part]))
            for part, begin in begins.items()
            if tokens[part]
        )
        found.append(Cut(sequences=some, spans=spans))
    return found


def rows(tokens: NDArray[np.unsignedinteger], length: int) -> NDArray[np.unsignedinteger]:
    """A shard's tokens as its sequences."""
    return np.lib.stride_tricks.sliding_window_view(tokens, length + 1)[::length]


def pack(
    work: Folder,
    stem: str,
    spans: Sequence[tuple[str, int, int]],
    length: int,
    vocabulary: int,
    out: str,
    name: str,
) -> Tally:
    """Write a shard into the folder `out`; spans: of which parts' files which tokens."""
    kind = dtype(vocabulary)
    pieces = []
    for file, start, stop in spans:
        first, last = start * kind.itemsize, stop * kind.itemsize
        with work.open(file + TOKENS, first, last) as stream:
            pieces.append(stream.read(last - first))
    made = rows(np.frombuffer(b"".join(pieces), dtype=kind), length)
    data = made.tobytes()
    opened(out).write(name, data)
    return {
        "file": name,
        "sequences": len(made),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def forget_lost(tasks: Iterable[Task], work: Folder, out: Folder) -> None:
    """Delete the markers of shards that are no longer what they were, so that they are made again.

    On this machine their content is looked at, in S3 their size.
    """
    present = set(out.names())

    def check(task: Task) -> None:
        if not work.exists(task.marker):
            return
        shard = read_tally(task, work)
        size, version = out.describe(shard["file"]) if shard["file"] in present else (None, "")
        if size != shard["bytes"] or (out.path is not None and version != shard["sha256"]):
            work.delete(task.marker)

    with ThreadPoolExecutor(8) as checkers:
        list(checkers.map(check, tasks))
