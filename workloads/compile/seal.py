"""Give the compilers' own cache of a training program its index, once every graph is compiled."""

from datetime import UTC, datetime, timedelta

from workloads.artefacts.hashing import sha256_of
from workloads.artefacts.index import INDEX, File, Index
from workloads.artefacts.key import Key
from workloads.artefacts.toolchain import same_compiler
from workloads.command import StageError
from workloads.compile.modules import State, modules
from workloads.files import Folder
from workloads.swap import read_versioned, write_versioned


def seal(cache: Folder, key: Key, *, now: datetime, lock_age: timedelta) -> Index:
    """Hash what lies in the artefact's folder and write its index.

    StageError: a graph is not compiled, or by another compiler; Conflict: somebody else seals.
    """
    entry = cache.folder(key.name)
    found = modules(entry.stats())
    if not found:
        raise StageError(
            f"{entry.uri} holds no graph; collect them on the gang first: python -m"
            " workloads.compile plan says how"
        )
    for module in found:
        state = module.state(now, lock_age)
        if state is not State.DONE:
            raise StageError(
                f"{entry.uri}/{module.folder} is {state}: compile it, or clear it with"
                f" python -m workloads.compile cache repair --cache {cache.uri}"
            )
        if not same_compiler(key.compiler, module.compiler):
            raise StageError(
                f"{entry.uri}/{module.folder} is of compiler {module.compiler}, and its key says"
                f" {key.compiler}: compile in {key.image}"
            )
    files = {}
    for module in found:
        for file, stat in module.files.items():
            path = module.path(file)
            files[path] = File(bytes=stat.bytes, sha256=sha256_of(entry, path))
    index = Index(
        key=key,
        folder="",
        files=files,
        made_with={"neuronx-cc": found[0].compiler},
        sealed=now.astimezone(UTC).isoformat(timespec="seconds"),
    )
    _, version = read_versioned(entry, INDEX)
    write_versioned(entry, INDEX, index.to_json(), version)
    return index
