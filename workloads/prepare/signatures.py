"""By what documents are compared: a hash of all of the content, and those of its bands.

A part's signatures are one file, sorted by bucket: where each bucket ends, then the records.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workloads.files import Folder

SIGNATURES = "-signatures.bin"
# `check` is the other half of a content's hash, 0 in a band; `row` the document's in its part.
RECORD = np.dtype([("hash", "<u8"), ("check", "<u8"), ("row", "<u4"), ("exact", "u1")])

Records = NDArray[np.void]


def digests(texts: Sequence[str]) -> NDArray[np.uint64]:
    """128 bits of the SHA-256 of each text, as two numbers."""
    found = (hashlib.sha256(text.encode()).digest()[:16] for text in texts)
    return np.frombuffer(b"".join(found), dtype="<u8").reshape(-1, 2)


def records(
    contents: NDArray[np.uint64], numbers: NDArray[np.int64], bands: NDArray[np.uint64], first: int
) -> Records:
    """One of each content, and one of each band of documents `numbers`; rows count from `first`."""
    made = np.zeros(len(contents) + bands.size, dtype=RECORD)
    exact, near = made[: len(contents)], made[len(contents) :]
    exact["hash"], exact["check"] = contents[:, 0], contents[:, 1]
    exact["row"], exact["exact"] = np.arange(first, first + len(contents)), 1
    near["hash"], near["row"] = bands.ravel(), np.repeat(numbers + first, bands.shape[1])
    return made


def by_bucket(all_records: Records, buckets: int) -> bytes:
    """The file's content; a record's bucket is its hash modulo their number."""
    of = (all_records["hash"] % np.uint64(buckets)).astype(np.intp)
    ends = np.cumsum(np.bincount(of, minlength=buckets)).astype("<u8")
    return ends.tobytes() + all_records[np.argsort(of, kind="stable")].tobytes()


def read_bucket(work: Folder, name: str, bucket: int, buckets: int) -> Records:
    """One bucket's records; two reads of as much as there is to know."""
    ends = np.frombuffer(_read(work, name, 0, 8 * buckets), dtype="<u8").tolist()
    start, stop = (ends[bucket - 1] if bucket else 0), ends[bucket]
    data = _read(work, name, *(8 * buckets + RECORD.itemsize * at for at in (start, stop)))
    return np.frombuffer(data, dtype=RECORD)


def _read(work: Folder, name: str, start: int, stop: int) -> bytes:
    if start == stop:
        return b""
    with work.open(name, start, stop) as stream:
        return stream.read(stop - start)
