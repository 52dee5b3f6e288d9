"""The first stage: rows of input to clean documents, their signatures, and quarantine."""

import hashlib
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workloads.files import Folder
from workloads.prepare import near, personal, quality
from workloads.prepare.batches import batches
from workloads.prepare.characters import characters, words
from workloads.prepare.hashing import pieces
from workloads.prepare.layout import DOCUMENT, DOCUMENTS, QUARANTINE, SIGNATURE, signatures
from workloads.prepare.read import read
from workloads.prepare.rows import Bad
from workloads.prepare.settings import DUPLICATES, NEAR, PERSONAL, QUALITY, Settings
from workloads.prepare.sources import Part, Slice, StorySlice
from workloads.prepare.work import Tally

JUDGED = 1 << 20  # characters of a text that quality and near duplicates are told from


def clean(work: Folder, stem: str, part: Part, settings: Settings, buckets: int) -> Tally:
    """Write the part's documents, what is in quarantine, and signatures by bucket."""
    tally = Counter[str]()
    quarantined: list[dict[str, Any]] = []
    sink = io.BytesIO()
    found: list[pa.Table] = []
    with pq.ParquetWriter(
        sink, DOCUMENT, compression="zstd", use_dictionary=False, write_statistics=False
    ) as documents:
        for texts in batches(_rows(part, settings, tally, quarantined)):
            kept, hashes, bands = _cleaned(texts, settings, tally)
            digests = np.frombuffer(
                b"".join(hashlib.sha256(text.encode()).digest()[:16] for text in kept), dtype="<u8"
            ).reshape(-1, 2)
            found.append(_signatures(digests, hashes, bands, tally["documents"], settings))
            tally["documents"] += len(kept)
            tally["characters"] += sum(map(len, kept))
            columns = [pa.array(kept, type=pa.large_string()), pa.array(digests[:, 0])]
            documents.write_table(pa.table(columns, schema=DOCUMENT))
    work.write(stem + DOCUMENTS, sink.getvalue())
    if quarantined:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in quarantined)
        work.write(stem + QUARANTINE, "".join(lines).encode())
    _write_signatures(work, stem, pa.concat_tables([SIGNATURE.empty_table(), *found]), buckets)
    return dict(tally)


def _rows(
    part: Part, settings: Settings, tally: Counter[str], quarantined: list[dict[str, Any]]
) -> Iterator[str]:
    """The texts; the bad rows are counted and put aside."""
    for piece in part:
        for row in read(piece, settings):
            if isinstance(row, Bad):
                tally["rows"] += row.rows
                tally[f"quarantined/{row.reason}"] += row.rows
                quarantined.append(_place(piece) | {"offset": row.offset, "rows": row.rows,
                                   "reason": row.reason, "detail": row.detail})  # fmt: skip
            else:
                tally["rows"] += 1
                tally["bytes"] += len(row.encode())
                tally[f"length read/{len(row).bit_length()}"] += 1
                yield row


def _place(piece: Slice) -> dict[str, Any]:
    if isinstance(piece, StorySlice):
        return {"file": f"stories of seed {piece.seed}", "unit": "story"}
    return {"file": piece.uri, "unit": "row" if piece.format == "parquet" else "byte"}


def _cleaned(
    texts: Sequence[str], settings: Settings, tally: Counter[str]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.uint64]]:
    """What is kept of a batch; which of it has bands, and these."""
    texts = [_normal(text) for text in texts]
    looked = characters([text[:JUDGED].lower() for text in texts])
    spans = words(looked)
    hashes = pieces(looked.codes, spans.starts, spans.ends)
    kept = np.ones(len(texts), dtype=bool)
    if settings.does(QUALITY):
        verdicts = quality.judge(looked, spans, hashes)
        kept = verdicts == quality.KEPT
        for number, count in zip(*np.unique(verdicts[~kept], return_counts=True), strict=True):
            tally[f"filtered/{quality.RULES[number].name}"] += int(count)
    numbers, bands = np.empty(0, dtype=np.int64), np.empty((0, near.BANDS), dtype=np.uint64)
    if settings.does(NEAR):
        numbers, bands = near.bands(spans, hashes)
        numbers, bands = numbers[kept[numbers]], bands[kept[numbers]]
        numbers = np.cumsum(kept)[numbers] - 1
    left = [text for text, keep in zip(texts, kept, strict=True) if keep]
    if settings.does(PERSONAL):
        left, removed = personal.remove(left)
        tally.update({f"personal/{kind}": count for kind, count in removed.items()})
    tally.update(f"length kept/{len(text).bit_length()}" for text in left)
    return left, numbers, bands


def _normal(text: str) -> str:
    """Unicode's form NFC, lines that end in a line feed, no white space around."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).strip()


def _signatures(
    digests: NDArray[np.uint64],
    numbers: NDArray[np.int64],
    bands: NDArray[np.uint64],
    first: int,
    settings: Settings,
) -> pa.Table:
    """One row for each document's content, and one for each of its bands."""
    if not settings.does(DUPLICATES):
        digests = digests[:0]
    near_rows = np.repeat(numbers, bands.shape[1])
    exact = np.arange(len(digests) + len(near_rows)) < len(digests)
    return pa.table(
        {
            "hash": np.concatenate((digests[:, 0], bands.ravel())),
            "check": np.concatenate((digests[:, 1], np.zeros(bands.size, dtype=np.uint64))),
            "row": (np.concatenate((np.arange(len(digests)), near_rows)) + first).astype("<u4"),
            "exact": exact,
        },
        schema=SIGNATURE,
    )


def _write_signatures(work: Folder, stem: str, table: pa.Table, buckets: int) -> None:
    of = table["hash"].to_numpy() % np.uint64(buckets)
    for bucket in range(buckets):
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, SIGNATURE) as writer:
            writer.write_table(table.filter(pa.array(of == bucket)))
        work.write(stem + signatures(bucket), sink.getvalue())
