"""Compile the graphs that a training program's gang has collected, shared by several tasks.

Each task takes every n-th graph into a cache of its own, has Neuron's own tool compile what lies
there, and hands back what is done; so that no two compilers ever meet in one folder. Whoever finds
every graph compiled writes the index.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from workloads.artefacts.index import Index
from workloads.artefacts.key import Key
from workloads.artefacts.store import read_index
from workloads.command import StageError
from workloads.compile.modules import Module, State, modules
from workloads.compile.seal import seal
from workloads.compile.verify import LOCK_AGE
from workloads.files import Folder, open_folder
from workloads.swap import Conflict

_DONE_FILE = "model.done"
_LAST_LINES = 3  # of a compiler's log


def compile_share(
    cache: Folder,
    key: Key,
    *,
    index: int,
    of: int,
    scratch: Path,
    call: Callable[[Mapping[str, str]], None],
    say: Callable[[str], None],
) -> Index | None:
    """Compile graphs `index`, `index + of`, … and, if they were the last, seal all.

    `call` runs the compilers with these variables added; None: other tasks have graphs left.
    StageError: nothing was collected, or a graph was not compiled; the others are kept.
    """
    entry = cache.folder(key.name)
    found = modules(entry.stats())
    mine = [module for module in found[index::of] if _state(module) is not State.DONE]
    say(f"{len(mine)} of the {len(found)} graphs below {entry.uri} are compiled here")
    if mine:
        own = open_folder(str(scratch / "graphs"))
        for module in mine:
            for file in module.graph():
                own.write(module.path(file), entry.read(module.path(file)))
        failed = None
        try:
            call({"NEURON_COMPILE_CACHE_URL": str(scratch / "graphs")})
        except StageError as error:
            failed = error
        if left := _hand_back(own, entry, mine):
            cause = f"{failed}; " if failed else ""
            raise StageError(
                f"{cause}{len(left)} of {len(mine)} graphs were not compiled: {left[0]}"
            ) from failed
    if any(_state(module) is not State.DONE for module in modules(entry.stats())):
        return None  # another task has not compiled it yet, or is about to hand it back
    try:
        return seal(cache, key, now=datetime.now(UTC), lock_age=LOCK_AGE)
    except Conflict:  # another task saw the last graph too
        return read_index(cache, key)


def _hand_back(own: Folder, entry: Folder, mine: list[Module]) -> list[str]:
    """Publish what is compiled, in place of what was left there; a sentence for each that is not.

    A failure is not published: Neuron's runtime would take it from the cache for good.
    """
    now = {module.folder: module for module in modules(own.stats())}
    left = []
    for module in mine:
        made = now[module.folder]
        if _state(made) is not State.DONE:
            left.append(f"{entry.uri}/{module.folder}: {_reason(own, made)}")
            continue
        for file in module.results():
            entry.delete(module.path(file))
        # The mark comes last: until then the graph counts as not compiled.
        for file in sorted(made.results(), key=lambda name: name == _DONE_FILE):
            assert own.path
            entry.upload(own.path / made.path(file), made.path(file))
    return left


def _reason(own: Folder, module: Module) -> str:
    if "model.log" not in module.files:
        return "the compiler left no log"
    lines = own.read(module.path("model.log")).decode(errors="replace").split("\n")
    return " ".join(line.strip() for line in lines[-_LAST_LINES - 1 :] if line.strip())


def _state(module: Module) -> State:
    return module.state(datetime.now(UTC), LOCK_AGE)
