"""A token data set: shards of fixed-length sequences and the manifest that describes them.

prepare writes one and train reads it; a sequence of length S is stored as S + 1 tokens, so that
inputs and targets are both in it. Shards are little-endian unsigned integers, row by row.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workloads.command import InputError
from workloads.files import Folder

MANIFEST = "manifest.json"  # written last: without it there is no data set
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file of sequences."""

    file: str
    sequences: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The manifest. `tokens` counts what the text became; what filled no sequence is not stored."""

    sequence_length: int
    sequences: int
    tokens: int
    documents: int
    vocabulary: int
    begin_token: int
    end_token: int
    dtype: str
    tokenizer_sha256: str
    shards: tuple[Shard, ...]
    sources: tuple[dict[str, Any], ...]
    versions: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)  # what became of the rows that were read

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode() + b"\n"

    @property
    def sha256(self) -> str:
        """What a training run remembers its data by."""
        return hashlib.sha256(self.to_json()).hexdigest()


def read_dataset(folder: Folder) -> Dataset:
    """The manifest in `folder`; InputError where there is none or it is not one."""
    if not folder.exists(MANIFEST):
        raise InputError(
            f"{folder.uri} is not a prepared data set: it has no {MANIFEST};"
            " make one with python -m workloads.prepare"
        )
    try:
        table = json.loads(folder.read(MANIFEST))
        shards = tuple(Shard(**shard) for shard in table.pop("shards"))
        return Dataset(shards=shards, sources=tuple(table.pop("sources")), **table)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            f"{folder.uri}/{MANIFEST} is not a data set's manifest; prepare it again"
        ) from None


def verify(dataset: Dataset, path: Path) -> None:
    """InputError for the first file in `path` that is not the one the manifest names."""
    expected = {shard.file: shard.sha256 for shard in dataset.shards}
    for name, sha256 in {TOKENIZER: dataset.tokenizer_sha256, **expected}.items():
        if file_sha256(path / name) != sha256:
            raise InputError(f"{path / name} is not the file its manifest names; prepare it again")


def file_sha256(file: Path) -> str | None:
    """Hex digest of a file's bytes; None when there is no such file."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None
