"""Rows of Parquet files, wherever they lie, one row group after the other."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workloads.files import Folder
from workloads.prepare.rows import Bad, text_of
from workloads.prepare.work import opened

_BATCH_ROWS = 256
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def row_groups(folder: str, name: str, size: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Ranges of row groups of about `most` bytes, and their bytes; all there is if unreadable."""
    try:
        metadata = _open(opened(folder), name, size).metadata
    except (pa.ArrowException, OSError):
        yield 0, 0, size
        return
    start = weight = 0
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group).total_byte_size
        if weight and weight + more > most:
            yield start, group, weight
            start = group
            weight = 0
        weight += more
    yield start, metadata.num_row_groups, weight


def rows(
    folder: str, name: str, start: int, stop: int, *, key: str, limit: int
) -> Iterator[str | Bad]:
    """The column `key` of some row groups; where the file is damaged, one Bad for what is lost."""
    place = opened(folder)
    try:
        file = _open(place, name, place.describe(name)[0])
    except (pa.ArrowException, OSError) as error:
        yield Bad(0, "unreadable Parquet", detail=_first_line(error))
        return
    groups = file.metadata
    offset = sum(groups.row_group(group).num_rows for group in range(start))
    for group in range(start, stop):
        yield from _group(file, group, offset, key, limit)
        offset += groups.row_group(group).num_rows


def _group(
    file: pq.ParquetFile, group: int, offset: int, key: str, limit: int
) -> Iterator[str | Bad]:
    total = file.metadata.row_group(group).num_rows
    schema = file.schema_arrow
    if key not in schema.names:
        yield Bad(offset, "no text key", rows=total, detail=f"no column {key!r}")
        return
    kind = schema.field(key).type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(is_text(plain) for is_text in _TEXT):
        yield Bad(offset, "not text", rows=total, detail=f"column {key!r} is {kind}")
        return
    done = 0
    try:
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=[key]):
            column = batch.column(0)
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            for data in column.cast(pa.large_binary()).to_pylist():
                yield _text(data, offset + done, limit)
                done += 1
    except (pa.ArrowException, OSError) as error:
        reason = _first_line(error)
        yield Bad(offset + done, "unreadable Parquet", rows=total - done, detail=reason)


def _text(data: bytes | None, row: int, limit: int) -> str | Bad:
    if data is None:
        return Bad(row, "not text", detail="null")
    if len(data) > limit:
        return Bad(row, "too long", detail=f"{len(data):,} bytes")
    return text_of(data, row)


def _open(folder: Folder, name: str, size: int) -> pq.ParquetFile:
    stream = io.BufferedReader(_Ranges(folder, name, size), 1 << 20)
    return pq.ParquetFile(stream)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


class _Ranges(io.RawIOBase):
    """A file to seek in; each read is one request for a range."""

    def __init__(self, folder: Folder, name: str, size: int) -> None:
        self._folder, self._name, self._size = folder, name, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        if count <= 0:
            return 0
        with self._folder.open(self._name, self._at, self._at + count) as stream:
            data = stream.read(count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
