"""The first stage: rows of input to clean documents, their signatures, and quarantine."""

import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workloads.files import Folder
from workloads.prepare import near, personal, quality
from workloads.prepare.batches import batches
from workloads.prepare.characters import characters, words
from workloads.prepare.hashing import pieces
from workloads.prepare.layout import DOCUMENT, DOCUMENTS, QUARANTINE
from workloads.prepare.quarantine import Quarantine
from workloads.prepare.read import read
from workloads.prepare.rows import Bad
from workloads.prepare.settings import DUPLICATES, NEAR, PERSONAL, QUALITY, Settings
from workloads.prepare.signatures import RECORD, SIGNATURES, by_bucket, digests, records
from workloads.prepare.sources import Part
from workloads.prepare.work import Tally

JUDGED = 1 << 20  # characters of a text that quality and near duplicates are told from


def clean(work: Folder, stem: str, part: Part, settings: Settings, buckets: int) -> Tally:
    """Write the part's documents, what is in quarantine, and signatures by bucket."""
    tally, quarantine = Counter[str](), Quarantine()
    sink = io.BytesIO()
    found = [np.empty(0, dtype=RECORD)]
    with pq.ParquetWriter(
        sink, DOCUMENT, compression="zstd", use_dictionary=False, write_statistics=False
    ) as documents:
        for texts in batches(_rows(part, settings, tally, quarantine)):
            kept, numbers, bands = _cleaned(texts, settings, tally)
            contents = digests(kept)
            compared = contents if settings.does(DUPLICATES) else contents[:0]
            found.append(records(compared, numbers, bands, tally["documents"]))
            tally["documents"] += len(kept)
            tally["characters"] += sum(map(len, kept))
            columns = [pa.array(kept, type=pa.large_string()), pa.array(contents[:, 0])]
            documents.write_table(pa.table(columns, schema=DOCUMENT))
    work.write(stem + DOCUMENTS, sink.getvalue())
    work.write(stem + SIGNATURES, by_bucket(np.concatenate(found), buckets))
    if lines := quarantine.lines():
        work.write(stem + QUARANTINE, lines)
    tally.update({f"quarantined/{reason}": rows for reason, rows in quarantine.rows.items()})
    tally["rows"] += quarantine.rows.total()
    return dict(tally)


def _rows(
    part: Part, settings: Settings, tally: Counter[str], quarantine: Quarantine
) -> Iterator[str]:
    """The texts; bad rows go to quarantine."""
    for piece in part:
        for row in read(piece, settings):
            if isinstance(row, Bad):
                quarantine.put(piece, row)
                continue
            tally["rows"] += 1
            tally["bytes"] += len(row.encode())
            tally[f"length read/{len(row).bit_length()}"] += 1
            yield row


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
