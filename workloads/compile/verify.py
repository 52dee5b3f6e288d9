"""What is wrong in a cache of compiled artefacts, and which files to delete to put it right."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from workloads.artefacts.hashing import sha256_of
from workloads.artefacts.index import INDEX, Index, Unreadable, parse
from workloads.artefacts.key import KINDS
from workloads.artefacts.toolchain import same_compiler
from workloads.compile.modules import Module, State, modules
from workloads.files import Folder, Stat

LOCK_AGE = timedelta(hours=3)  # the deadline of a job that compiles
ENTRY = re.compile(rf"(?P<entry>({'|'.join(KINDS)})/[0-9a-f]{{64}})/(?P<file>.+)")
DETAILS = {
    State.LOCKED: "a compiler is at work, or was killed a short while ago",
    State.STALE_LOCK: "its compiler is gone, and others wait for it",
    State.POISONED: "it failed once and is never tried again",
    State.TRUNCATED: "model.neff is empty",
    State.HALF_WRITTEN: "of model.neff and model.done there is only one",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`delete` are files below the cache, in this order; empty: only time or a person can help."""

    where: str
    problem: str
    detail: str
    delete: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An artefact's folder and what lies in it, by name there."""

    name: str
    files: Mapping[str, Stat]

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]

    def all(self, first: str = INDEX) -> tuple[str, ...]:
        """Every file, the index before what it names."""
        ordered = sorted(self.files, key=lambda file: (file != first, file))
        return tuple(f"{self.name}/{file}" for file in ordered)


def entries(stats: Mapping[str, Stat]) -> list[Entry]:
    """The artefacts in a listing of a cache."""
    found: dict[str, dict[str, Stat]] = {}
    for name, stat in stats.items():
        if match := ENTRY.fullmatch(name):
            found.setdefault(match["entry"], {})[match["file"]] = stat
    return [Entry(name=name, files=files) for name, files in sorted(found.items())]


def verify(
    cache: Folder,
    *,
    now: datetime,
    lock_age: timedelta,
    read_all: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> list[Finding]:
    """Everything that is wrong. `read_all`: hash every byte, else trust names and sizes.

    What is younger than `lock_age` may be somebody's work under way and is left alone.
    """
    stats = cache.stats()
    findings: list[Finding] = []
    for module in modules(stats):
        findings += _of_module(module, now, lock_age)
    for entry in entries(stats):
        say(f"verifying {entry.name}")
        findings += _of_entry(cache.folder(entry.name), entry, now - lock_age, read_all)
    return findings


def _of_module(module: Module, now: datetime, lock_age: timedelta) -> Iterator[Finding]:
    state = module.state(now, lock_age)
    if state in (State.DONE, State.QUEUED):
        return
    delete = {
        State.LOCKED: [],
        State.STALE_LOCK: module.locks(),
    }.get(state, module.results())
    yield Finding(
        where=module.folder,
        problem=state,
        detail=DETAILS[state],
        delete=tuple(module.path(file) for file in delete),
    )
    if state is State.STALE_LOCK:  # and what did the killed compiler leave behind?
        rest = {file: stat for file, stat in module.files.items() if file not in delete}
        if rest:
            unlocked = Module(folder=module.folder, compiler=module.compiler, files=rest)
            yield from _of_module(unlocked, now, lock_age)


def _of_entry(folder: Folder, entry: Entry, young: datetime, read_all: bool) -> Iterator[Finding]:
    newest = max(stat.modified for stat in entry.files.values())
    if INDEX not in entry.files:
        if entry.kind == "training":
            states = {module.state(young, timedelta()) for module in modules(entry.files)}
            if states == {State.DONE}:
                yield _finding(entry, "not sealed", "every graph is compiled: seal it")
        elif newest < young:
            yield _finding(entry, "unfinished", "its upload ended before its index", entry.all())
        return
    try:
        index = parse(folder.read(INDEX), INDEX)
    except Unreadable as error:
        yield _finding(entry, "index damaged", str(error), _again(entry))
        return
    if index.key.name != entry.name:
        yield _finding(entry, "wrong key", f"its index is that of {index.key.name}", _again(entry))
        return
    made_by = [index.made_with.get("neuronx-cc", index.key.compiler)]
    made_by += [module.compiler for module in modules(entry.files)]
    if wrong := next((each for each in made_by if not same_compiler(index.key.compiler, each)), ""):
        detail = f"compiled by {wrong}, and its key says {index.key.compiler}"
        yield _finding(entry, "wrong version", detail, entry.all())
        return
    if damage := _damage(folder, entry, index, read_all):
        problem, file, detail = damage
        yield _finding(entry, problem, f"{file} {detail}", _again(entry, file))
        return
    known = {INDEX, *map(index.path, index.files)}
    rest = [
        file for file, stat in entry.files.items() if file not in known and stat.modified < young
    ]
    if rest and entry.kind == "training":
        yield _finding(entry, "not sealed", f"{rest[0]} came after its index: seal it again")
    elif rest:
        delete = tuple(f"{entry.name}/{file}" for file in rest)
        yield _finding(entry, "leftover", "files of an attempt that was not the first", delete)


def _damage(
    folder: Folder, entry: Entry, index: Index, read_all: bool
) -> tuple[str, str, str] | None:
    """What is wrong with the files of an index: the problem, the file and a few words."""
    for name, expected in index.files.items():
        path = index.path(name)
        stat = entry.files.get(path)
        if stat is None:
            return "missing", path, "is gone"
        if stat.bytes != expected.bytes:
            return "truncated", path, f"has {stat.bytes} bytes instead of {expected.bytes}"
    if read_all:
        for name, expected in index.files.items():
            if sha256_of(folder, index.path(name)) != expected.sha256:
                return "changed", index.path(name), "does not have the SHA-256 of its index"
    return None


def _again(entry: Entry, damaged: str = "") -> tuple[str, ...]:
    """What to delete for a new compilation: everything; of training, what is not a graph."""
    if entry.kind != "training":
        return entry.all()
    broken = [m for m in modules(entry.files) if damaged.startswith(f"{m.folder}/")]
    results = [m.path(file) for m in broken for file in m.results()]
    lost = [m.path(file) for m in broken for file in m.graph() if damaged == m.path(file)]
    return tuple(f"{entry.name}/{file}" for file in [INDEX, *results, *lost])


def _finding(entry: Entry, problem: str, detail: str, delete: tuple[str, ...] = ()) -> Finding:
    return Finding(where=entry.name, problem=problem, detail=detail, delete=delete)
