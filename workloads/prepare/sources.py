"""Where the text comes from, cut into parts that depend on the input alone."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from workloads.command import InputError
from workloads.files import LocalFolder
from workloads.prepare.noise import NOISE_EVERY
from workloads.prepare.parquet import row_groups
from workloads.prepare.stories import STORY_BYTES
from workloads.prepare.work import opened

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet",
           ".txt": "text", ".md": "text"}  # fmt: skip
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_WILD = frozenset("*?[")


@dataclass(frozen=True, kw_only=True)
class FileSlice:
    """Part of a file: bytes of JSON lines, row groups of Parquet; a text or stream is whole."""

    folder: str
    name: str
    version: str
    format: str
    compression: str | None
    start: int
    stop: int

    @property
    def uri(self) -> str:
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class StorySlice:
    """Stories `start` to `stop` - 1 of a seed; noisy: with what the stages are to find."""

    seed: int
    noisy: bool
    start: int
    stop: int


Slice = FileSlice | StorySlice
Part = tuple[Slice, ...]


@dataclass(frozen=True)
class Input:
    """What there is to prepare: slices in order, and what the manifest says of their sources."""

    slices: tuple[tuple[Slice, int], ...]  # and the bytes of each
    sources: tuple[dict[str, Any], ...]

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.slices)

    def parts(self, most: int) -> list[Part]:
        """Neighbouring slices together, up to `most` bytes."""
        parts: list[list[Slice]] = []
        room = 0
        for piece, size in self.slices:
            if size > room or not parts:
                parts.append([])
                room = most
            parts[-1].append(piece)
            room -= size
        return [tuple(part) for part in parts]


def find_files(inputs: Sequence[str], part_bytes: int) -> Input:
    """The files behind each --input, in the order given; a folder's and a pattern's sorted."""
    places = [place for uri in inputs for place in _find(uri)]

    def described(place: tuple[str, str]) -> tuple[int, str]:
        return opened(place[0]).describe(place[1])

    with ThreadPoolExecutor(8) as pool:  # reading and hashing leave Python to itself
        found = list(pool.map(described, places))
    slices: list[tuple[Slice, int]] = []
    sources = []
    for (folder, name), (size, version) in zip(places, found, strict=True):
        slices += _cut(folder, name, size, version, part_bytes)
        kind = "etag" if folder.startswith("s3://") else "sha256"
        sources.append({"file": f"{folder}/{name}", "bytes": size, kind: version})
    return Input(tuple(slices), tuple(sources))


def tell_stories(count: int, seed: int, part_bytes: int, *, noisy: bool = False) -> Input:
    """`count` generated stories."""
    step = max(1, part_bytes // STORY_BYTES)
    slices = tuple(
        (
            StorySlice(seed=seed, noisy=noisy, start=start, stop=min(start + step, count)),
            step * STORY_BYTES,
        )
        for start in range(0, count, step)
    )
    source: dict[str, Any] = {"stories": count, "seed": seed}
    return Input(slices, (source | ({"noise_every": NOISE_EVERY} if noisy else {}),))


def _cut(
    folder: str, name: str, size: int, version: str, most: int
) -> Iterator[tuple[FileSlice, int]]:
    stem, compression = _uncompressed(name)
    kind = FORMATS.get(Path(stem).suffix.lower(), "text")

    def piece(start: int, stop: int) -> FileSlice:
        return FileSlice(folder=folder, name=name, version=version, format=kind,
                         compression=compression, start=start, stop=stop)  # fmt: skip

    if kind == "parquet":
        for start, stop, weight in row_groups(folder, name, size, most):
            yield piece(start, stop), weight
    elif kind == "jsonl" and not compression:
        for start in range(0, size or 1, most):
            stop = min(start + most, size)
            yield piece(start, stop), stop - start
    else:
        yield piece(0, size), size


def _find(uri: str) -> Iterable[tuple[str, str]]:
    """Folders and names of files."""
    if "://" not in uri:
        path = Path(uri)
        if path.exists() or not _WILD & set(uri):
            return _listed(uri) if path.is_dir() else [(str(path.parent), path.name)]
        found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        files = [(str(file.parent), file.name) for file in found if file.is_file()]
    elif _WILD & set(uri):
        fixed = uri[: min(uri.find(sign) for sign in _WILD if sign in uri)].rpartition("/")[0]
        pattern = uri.removeprefix(f"{fixed}/")
        names = opened(fixed).names()
        files = [(fixed, name) for name in names if fnmatchcase(name, pattern)]
    else:
        return _listed(uri)
    if not files:
        raise InputError(f"{uri} matches no file")
    return files


def _listed(uri: str) -> Iterable[tuple[str, str]]:
    folder = opened(uri)
    files = folder.names()
    if not files and not isinstance(folder, LocalFolder):
        parent, _, name = uri.rpartition("/")
        return [(parent, name)]  # an object; or nothing, which describing it will tell
    known = [name for name in files if Path(_uncompressed(name)[0]).suffix.lower() in FORMATS]
    if not known:
        raise InputError(f"{uri} holds no file that ends in {', '.join(FORMATS)}")
    return [(uri, name) for name in known]


def _uncompressed(name: str) -> tuple[str, str | None]:
    path = Path(name)
    compression = COMPRESSIONS.get(path.suffix.lower())
    return (path.stem if compression else name), compression
