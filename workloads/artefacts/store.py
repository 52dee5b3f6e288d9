"""A cache of compiled artefacts: a folder or s3://, an artefact at KIND/DIGEST of its key.

    decoder/<digest>/INDEX.json                         written last, once, by whoever is first
    decoder/<digest>/files/<attempt>/model.pt …         what the image's compiler wrote
    training/<digest>/neuronxcc-<version>/MODULE_…/…    the compilers' own cache, written by them
    training/<digest>/INDEX.json

Serving and training ask `require` before anything is bought, and `fetch` on the node.
"""

import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from workloads.artefacts.index import INDEX, Index, attempt, describe, parse
from workloads.artefacts.key import Key
from workloads.command import StageError
from workloads.dataset import file_sha256
from workloads.file_errors import sentences
from workloads.files import Folder
from workloads.swap import Conflict, write_versioned

READY, MISSING, UNSEALED, DAMAGED = "ready", "missing", "not finished", "damaged"


def publish(cache: Folder, key: Key, source: Path, *, made_with: dict[str, str]) -> Index:
    """Store what was compiled into `source`; the artefact that then counts.

    Another attempt may have been first: its artefact stays, this one is thrown away.
    """
    files = describe(source)
    if not files:
        raise StageError(f"{source} is empty: the compiler wrote nothing")
    entry = cache.folder(key.name)
    ours = Index(key=key, folder=attempt(files), files=files, made_with=made_with, sealed=_now())
    for name in files:
        entry.upload(source / name, ours.path(name))
    try:
        write_versioned(entry, INDEX, ours.to_json(), None)
    except Conflict:
        theirs = parse(entry.read(INDEX), f"{entry.uri}/{INDEX}")
        if theirs.folder != ours.folder:
            for name in files:
                entry.delete(ours.path(name))
        return theirs
    return ours


def read_index(cache: Folder, key: Key) -> Index | None:
    """The index of an artefact; None: it has none. Unreadable: it is damaged."""
    entry = cache.folder(key.name)
    if not entry.exists(INDEX):
        return None
    return parse(entry.read(INDEX), f"{entry.uri}/{INDEX}")


def state(cache: Folder, key: Key) -> tuple[str, str]:
    """One of the four states, and in a few words why. Reads names and sizes, not the files."""
    entry = cache.folder(key.name)
    stats = entry.stats()
    if INDEX not in stats:
        return (UNSEALED, f"no {INDEX}") if stats else (MISSING, "")
    try:
        index = parse(entry.read(INDEX), INDEX)
    except StageError as error:
        return DAMAGED, str(error)
    for name, file in index.files.items():
        stat = stats.get(index.path(name))
        if stat is None or stat.bytes != file.bytes:
            return DAMAGED, f"{name} is {'missing' if stat is None else 'truncated'}"
    if index.key != key:
        return DAMAGED, f"{INDEX} is of another key"
    return READY, f"{index.size / 1e6:,.1f} MB"


def require(cache: Folder, keys: Iterable[Key]) -> None:
    """Precompiled only: StageError that names every key whose artefact is not ready."""
    lacking = []
    for key in keys:
        found, why = state(cache, key)
        if found != READY:
            reason = f"{found}: {why}" if why else found
            lacking.append(f"{key.name} ({reason}; {key.summary})")
    if lacking:
        noun = "artefact" if len(lacking) == 1 else "artefacts"
        raise StageError(
            f"{len(lacking)} compiled {noun} not ready in {cache.uri}: {'; '.join(lacking)};"
            " compile first: python -m workloads.compile plan says how"
        )


def fetch(cache: Folder, key: Key, into: Path) -> Index:
    """Copy an artefact to this machine, every file checked on arrival; nothing to do if it is
    there. `into` appears whole or not at all."""
    require(cache, [key])
    index = read_index(cache, key)
    assert index is not None
    if _differs(into, index) is None:
        return index
    with sentences(into):
        into.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        entry = cache.folder(key.name)
        _copy(entry.folder(index.folder) if index.folder else entry, index, arriving)
        if damaged := _differs(arriving, index):
            raise StageError(
                f"{cache.uri}/{key.name} is damaged: {damaged} is not what {INDEX} says;"
                f" run python -m workloads.compile cache repair --cache {cache.uri}"
            )
        (arriving / INDEX).write_bytes(index.to_json())
        arriving.chmod(0o755)
        with sentences(into):
            if into.exists():
                shutil.rmtree(into)
            arriving.rename(into)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return index


def _copy(source: Folder, index: Index, into: Path) -> None:
    if source.path is None:
        source.download(index.files, into)
        return
    for name in index.files:
        with sentences(source.path / name):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.path / name, into / name)


def _differs(path: Path, index: Index) -> str | None:
    """The first file in `path` that is not the index's; None: all are."""
    for name, file in index.files.items():
        if file_sha256(path / name) != file.sha256:
            return name
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
