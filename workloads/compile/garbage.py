"""What a cache holds, and what of it may go: the old, and what no pinned compiler made."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from workloads.artefacts.index import INDEX, Unreadable, parse
from workloads.artefacts.toolchain import same_compiler
from workloads.compile.modules import modules
from workloads.compile.verify import ENTRY, Entry, entries
from workloads.files import Folder
from workloads.versions import VERSIONS

UNKNOWN = "?"  # the compiler of an artefact without a readable index
GRAPHS = "graphs"  # the kind of what compilers cached outside of artefacts


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An artefact, or a graph outside of one. `files` lie below the cache, to delete in order.

    `since` is when it was sealed, or its newest file written: S3 does not tell when it was read.
    """

    where: str
    kind: str
    compiler: str
    since: datetime
    size: int  # bytes
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Use:
    """How much of a kind, by one compiler, there is; `size` in bytes."""

    kind: str
    compiler: str
    artefacts: int
    files: int
    size: int


def contents(cache: Folder) -> list[Thing]:
    """Everything in the cache."""
    stats = cache.stats()
    found = [_thing(cache, entry) for entry in entries(stats)]
    for module in modules(stats):
        if not ENTRY.match(f"{module.folder}/"):
            found.append(
                Thing(
                    where=module.folder,
                    kind=GRAPHS,
                    compiler=module.compiler,
                    since=module.modified,
                    size=module.size,
                    files=tuple(module.path(file) for file in sorted(module.files)),
                )
            )
    return found


def garbage(
    things: Iterable[Thing], *, now: datetime, older_than: timedelta | None, unpinned: bool
) -> list[tuple[Thing, str]]:
    """What may go, and why. What is not finished is left to verify and repair."""
    found = []
    for thing in things:
        if thing.compiler == UNKNOWN or any(file.endswith(".lock") for file in thing.files):
            continue
        if unpinned and not any(same_compiler(each, thing.compiler) for each in pinned_compilers()):
            found.append((thing, f"no image in versions.toml has compiler {thing.compiler}"))
        elif older_than is not None and now - thing.since > older_than:
            found.append((thing, f"{(now - thing.since).days} days old"))
    return found


def usage(things: Iterable[Thing]) -> list[Use]:
    """The things by kind and compiler."""
    groups: dict[tuple[str, str], list[Thing]] = {}
    for thing in things:
        groups.setdefault((thing.kind, thing.compiler), []).append(thing)
    return [
        Use(
            kind=kind,
            compiler=compiler,
            artefacts=len(group),
            files=sum(len(thing.files) for thing in group),
            size=sum(thing.size for thing in group),
        )
        for (kind, compiler), group in sorted(groups.items())
    ]


def pinned_compilers() -> frozenset[str]:
    """The compilers of every image in versions.toml."""
    clusters = {stack.compiler for stack in VERSIONS.neuron.values()}
    return frozenset(clusters | {VERSIONS.sagemaker.packages["neuronx-cc"]})


def _thing(cache: Folder, entry: Entry) -> Thing:
    compiler, since = UNKNOWN, max(stat.modified for stat in entry.files.values())
    if INDEX in entry.files:
        try:
            index = parse(cache.read(f"{entry.name}/{INDEX}"), INDEX)
            compiler, since = index.key.compiler, index.sealed_at
        except Unreadable:
            pass
    return Thing(
        where=entry.name,
        kind=entry.kind,
        compiler=compiler,
        since=since,
        size=sum(stat.bytes for stat in entry.files.values()),
        files=entry.all(),
    )
