"""The rows of a slice, in order and in bounded memory."""

from collections.abc import Callable, Iterator

import orjson
import pyarrow as pa

from workloads.prepare import parquet
from workloads.prepare.noise import noise
from workloads.prepare.rows import Bad, checked, text_of, without_mark
from workloads.prepare.settings import Settings
from workloads.prepare.sources import FileSlice, Slice, StorySlice
from workloads.prepare.stories import story
from workloads.prepare.work import opened

_CHUNK = 1 << 20
_DAMAGE = (pa.ArrowException, OSError)  # what Arrow says of a stream that it cannot decompress


def read(piece: Slice, settings: Settings) -> Iterator[str | Bad]:
    """Each row of it."""
    if isinstance(piece, StorySlice):
        return _stories(piece)
    key, limit = settings.text_key, settings.row_bytes
    match piece.format:
        case "jsonl":
            return _json_lines(piece, key, limit)
        case "parquet":
            return parquet.rows(
                piece.folder, piece.name, piece.start, piece.stop, key=key, limit=limit
            )
        case _:
            return _text(piece, limit)


def _stories(piece: StorySlice) -> Iterator[str | Bad]:
    for number in range(piece.start, piece.stop):
        yield story(piece.seed, number)
        if piece.noisy and (row := noise(piece.seed, number)):
            yield checked(row.text, number)


def _text(piece: FileSlice, limit: int) -> Iterator[str | Bad]:
    try:
        with _Bytes(piece, 0) as read:
            data = b"".join(_chunks(read, limit + 1))
    except _DAMAGE as error:
        yield Bad(0, "damaged compression", detail=str(error))
        return
    if len(data) > limit:
        yield Bad(0, "too long", detail=f"more than {limit:,} bytes")
    else:
        yield text_of(without_mark(data), 0)


def _json_lines(piece: FileSlice, key: str, limit: int) -> Iterator[str | Bad]:
    """The lines that begin between the slice's start and stop."""
    # From the byte before on: a line begins at `start` if that is the end of another.
    before = max(0, piece.start - 1)
    with _Bytes(piece, before) as read:
        lines = _lines(read, before, limit)
        if piece.start:
            next(lines, None)
        for offset, line in lines:
            if offset >= piece.stop and not piece.compression:
                return
            if isinstance(line, Bad):
                yield line
            elif row := line.strip():
                yield _json_text(without_mark(row) if not offset else row, offset, key)


def _json_text(line: bytes, offset: int, key: str) -> str | Bad:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        as_text = text_of(line, offset)
        return as_text if isinstance(as_text, Bad) else Bad(offset, "not JSON", detail=error.msg)
    if not isinstance(row, dict):
        return Bad(offset, "not a JSON object", detail=f"but {type(row).__name__}")
    if key not in row:
        return Bad(offset, "no text key", detail=f"no {key!r}")
    text = row[key]
    if not isinstance(text, str):
        return Bad(offset, "not text", detail=f"{key!r} is {type(text).__name__}")
    return checked(text, offset)


def _lines(
    read: Callable[[int], bytes], start: int, limit: int
) -> Iterator[tuple[int, bytes | Bad]]:
    """Where each line begins, and its bytes; of one above `limit` no more is kept than that."""
    kept: list[bytes] = []
    length = 0

    def line() -> bytes | Bad:
        if length > limit:
            return Bad(start, "too long", detail=f"{length:,} bytes")
        return b"".join(kept)

    while True:
        try:
            chunk = read(_CHUNK)
        except _DAMAGE as error:
            yield start, Bad(start, "damaged compression", detail=str(error))
            return
        if not chunk:
            break
        *ended, begun = chunk.split(b"\n")
        for piece in ended:
            length += len(piece)
            kept.append(piece)
            yield start, line()
            start += length + 1
            kept.clear()
            length = 0
        length += len(begun)
        kept.append(begun)
        if length > limit:
            kept.clear()
    if length:
        yield start, line()


class _Bytes:
    """The read() of a slice's bytes, from `start` on, decompressed."""

    def __init__(self, piece: FileSlice, start: int) -> None:
        self._stream = opened(piece.folder).open(piece.name, start)
        self._compression = piece.compression

    def __enter__(self) -> Callable[[int], bytes]:
        if self._compression is None:
            return self._stream.read
        source = pa.PythonFile(self._stream, mode="r")
        plain: Callable[[int], bytes] = pa.CompressedInputStream(source, self._compression).read
        return plain

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _chunks(read: Callable[[int], bytes], limit: int) -> Iterator[bytes]:
    """What there is, until it is more than `limit`."""
    total = 0
    while total <= limit and (chunk := read(_CHUNK)):
        total += len(chunk)
        yield chunk
