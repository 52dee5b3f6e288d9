"""The files between the stages: how their names end, and how those are read that several read."""

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workloads.files import Folder

# Behind a task's stem. A part's documents are rows of text and hash, a row group for each batch.
DOCUMENTS, QUARANTINE = "-documents.parquet", "-quarantine.jsonl"
PAIRS, REMOVED = "-pairs.npy", "-removed.npy"
RULES = "-tokenizer.json"
TOKENS = "-tokens.bin"

DOCUMENT = pa.schema([("text", pa.large_string()), ("hash", pa.uint64())])
PART_BITS = np.uint64(32)  # a document's number is part << 32 | row


def dtype(vocabulary: int) -> np.dtype[np.unsignedinteger]:
    """How a token is stored: in two bytes if they can number the vocabulary, else in four."""
    return np.dtype("<u2" if vocabulary <= 1 << 16 else "<u4")


def save(array: NDArray[np.uint64]) -> bytes:
    """An array as the bytes of an .npy file."""
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def load(work: Folder, name: str) -> NDArray[np.uint64]:
    """What save() made."""
    array: NDArray[np.uint64] = np.load(io.BytesIO(work.read(name)))
    return array


def removed_rows(work: Folder, merged: str, part: int) -> NDArray[np.int64]:
    """The rows of a part that repeat others."""
    removed = load(work, merged + REMOVED)
    start, stop = np.searchsorted(removed, np.array([part, part + 1], dtype=np.uint64) << PART_BITS)
    return (removed[start:stop] & np.uint64(0xFFFFFFFF)).astype(np.int64)


def survivors(
    work: Folder, cleaned: str, merged: str, part: int
) -> Iterator[tuple[list[str], NDArray[np.uint64]]]:
    """A part's documents without the removed rows, in batches: texts and hashes of content."""
    removed = removed_rows(work, merged, part)
    file = pq.ParquetFile(io.BytesIO(work.read(cleaned + DOCUMENTS)))
    first = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        keep = ~np.isin(np.arange(first, first + len(table)), removed)
        first += len(table)
        left = table.filter(pa.array(keep))
        yield left["text"].to_pylist(), left["hash"].to_numpy()
