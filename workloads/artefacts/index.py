"""INDEX.json: what a compiled artefact consists of. Written last; without it there is none."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workloads.artefacts.key import Key, read_key
from workloads.command import StageError
from workloads.dataset import file_sha256

INDEX = "INDEX.json"


class Unreadable(StageError):
    """An index is not what its own digest says; the text names it."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of an artefact."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """`files` lie below `folder`, itself below the artefact's; "" is the artefact's own.

    `made_with` are the versions that were installed where it was compiled, as far as they are
    known; `sealed` is when, ISO 8601 in UTC.
    """

    key: Key
    folder: str
    files: dict[str, File]
    made_with: dict[str, str]
    sealed: str

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(file.bytes for file in self.files.values())

    @property
    def sealed_at(self) -> datetime:
        return datetime.fromisoformat(self.sealed)

    def path(self, name: str) -> str:
        """Where one of the files lies below the artefact."""
        return f"{self.folder}/{name}" if self.folder else name

    def to_json(self) -> bytes:
        table = asdict(self)
        return _dump(table | {"index_sha256": hashlib.sha256(_dump(table)).hexdigest()})


def parse(data: bytes, where: str) -> Index:
    """The index that `to_json` wrote; Unreadable if one bit of it has changed."""
    try:
        table: dict[str, Any] = json.loads(data)
        del table["index_sha256"]
        files = {name: File(**row) for name, row in table.pop("files").items()}
        index = Index(key=read_key(table.pop("key")), files=files, **table)
        index.sealed_at  # noqa: B018
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unreadable(f"{where} cannot be read") from None
    if index.to_json() != data:
        raise Unreadable(f"{where} does not match its own digest")
    return index


def describe(path: Path) -> dict[str, File]:
    """Every file below a folder of this machine, by its name there."""
    found = {}
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        sha256 = file_sha256(file)
        assert sha256 is not None
        found[file.relative_to(path).as_posix()] = File(bytes=file.stat().st_size, sha256=sha256)
    return found


def attempt(files: dict[str, File]) -> str:
    """The folder of one attempt to compile: two that differ in a bit never meet in it."""
    table = {name: asdict(file) for name, file in files.items()}
    return f"files/{hashlib.sha256(_dump(table)).hexdigest()[:16]}"


def _dump(table: dict[str, Any]) -> bytes:
    return json.dumps(table, indent=2).encode() + b"\n"
