"""From text to a data set: learn the tokenizer, write the shards, seal with the manifest."""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from workloads.command import InputError, progress
from workloads.dataset import MANIFEST, TOKENIZER, Dataset, Shard
from workloads.files import Folder
from workloads.prepare.packing import encode, pack, shards
from workloads.prepare.text import Text
from workloads.prepare.tokenizer import BEGIN, END, train_tokenizer

SHARD_BYTES = 64 << 20
PROGRESS_DOCUMENTS = 50_000


def prepare(
    text: Text,
    out: Folder,
    *,
    vocabulary: int,
    sequence_length: int,
    shard_bytes: int = SHARD_BYTES,
) -> Dataset:
    """Write the data set into `out`; what an earlier one left there goes."""
    tokenizer = train_tokenizer(text.documents(), vocabulary)
    progress(f"learnt a tokenizer of {tokenizer.get_vocab_size():,} tokens")
    begin, end = (tokenizer.get_vocab()[mark] for mark in (BEGIN, END))
    rules = tokenizer.to_str().encode()
    dtype = np.dtype("<u2" if tokenizer.get_vocab_size() <= 1 << 16 else "<u4")
    documents = tokens = 0

    def counted(encoded: Iterable[NDArray[np.uint32]]) -> Iterator[NDArray[np.uint32]]:
        nonlocal documents, tokens
        for document in encoded:
            documents += 1
            tokens += len(document)
            if documents % PROGRESS_DOCUMENTS == 0:
                progress(f"encoded {documents:,} documents, {tokens:,} tokens")
            yield document

    rows = pack(counted(encode(tokenizer, text.documents())), sequence_length)
    shard_rows = max(1, shard_bytes // ((sequence_length + 1) * dtype.itemsize))
    written: list[Shard] = []
    for shard in shards(rows, shard_rows):
        if not written:
            out.delete(MANIFEST)  # from here on the folder is no data set, until the new manifest
            out.write(TOKENIZER, rules)
        written.append(_write(out, f"tokens-{len(written):05d}.bin", shard.astype(dtype)))
    if not written:
        raise InputError(
            f"the text makes only {tokens:,} tokens, less than one sequence of {sequence_length};"
            " give more text or a smaller --sequence-length"
        )

    made = Dataset(
        sequence_length=sequence_length,
        sequences=sum(shard.sequences for shard in written),
        tokens=tokens,
        documents=documents,
        vocabulary=tokenizer.get_vocab_size(),
        begin_token=begin,
        end_token=end,
        dtype=dtype.name,
        tokenizer_sha256=hashlib.sha256(rules).hexdigest(),
        shards=tuple(written),
        sources=text.sources,
        versions={"tokenizers": version("tokenizers")},
    )
    kept = {shard.file for shard in written}
    for name in out.names():
        if name.startswith("tokens-") and name not in kept:
            out.delete(name)
    out.write(MANIFEST, made.to_json())
    return made


def _write(out: Folder, name: str, rows: NDArray[np.unsignedinteger]) -> Shard:
    data = rows.tobytes()
    out.write(name, data)
    progress(f"wrote {name}: {len(rows):,} sequences, {len(data):,} bytes")
    return Shard(
        file=name, sequences=len(rows), bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )
