"""Neuron's persistent cache: one folder per graph, written by the compilers themselves.

    neuronxcc-<version>/MODULE_<hash of the graph>+<hash of the flags>/
        model.hlo_module.pb[.gz]  compile_flags.json  model.neff  model.done  model.log  *.lock

Sources: Neuron SDK documentation, neuron-caching.rst and pytorch-neuron-parallel-compile.rst;
huggingface/optimum-neuron, optimum/neuron/cache (which states there are, and what each means).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from workloads.files import Stat

_FILE = re.compile(
    r"(?P<folder>(?:.+/)?neuronxcc-(?P<compiler>[^/]+)/MODULE_[^/]+)/(?P<file>[^/]+)"
)


class State(StrEnum):
    """What became of a graph."""

    DONE = "done"
    QUEUED = "queued"  # collected, not compiled yet
    LOCKED = "locked"  # being compiled
    STALE_LOCK = "stale lock"  # left behind by a compiler that was killed
    POISONED = "poisoned"  # failed: the runtime takes the failure from the cache, for good
    TRUNCATED = "truncated"  # a compiled graph without content
    HALF_WRITTEN = "half written"  # compiled and not marked so, or the other way round


@dataclass(frozen=True, kw_only=True)
class Module:
    """A graph's folder, below the listing's root."""

    folder: str
    compiler: str
    files: Mapping[str, Stat]

    @property
    def modified(self) -> datetime:
        return max(stat.modified for stat in self.files.values())

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(stat.bytes for stat in self.files.values())

    def path(self, file: str) -> str:
        return f"{self.folder}/{file}"

    def locks(self) -> list[str]:
        return [file for file in self.files if file.endswith(".lock")]

    def graph(self) -> list[str]:
        """What it takes to compile it again."""
        return [file for file in self.files if ".hlo" in file or file == "compile_flags.json"]

    def results(self) -> list[str]:
        """What goes when it is to be compiled again."""
        return [file for file in self.files if file not in self.graph()]

    def state(self, now: datetime, lock_age: timedelta) -> State:
        """`lock_age`: no compilation takes so long."""
        locks = [self.files[file].modified for file in self.locks()]
        if locks:
            return State.STALE_LOCK if now - max(locks) > lock_age else State.LOCKED
        neff = self.files.get("model.neff")
        if neff is None and "model.log" in self.files:
            return State.POISONED
        if neff is not None and neff.bytes == 0:
            return State.TRUNCATED
        if (neff is None) != ("model.done" not in self.files):
            return State.HALF_WRITTEN
        return State.DONE if neff else State.QUEUED


def modules(stats: Mapping[str, Stat]) -> list[Module]:
    """Every graph in a listing, at any depth."""
    found: dict[str, tuple[str, dict[str, Stat]]] = {}
    for name, stat in stats.items():
        if match := _FILE.fullmatch(name):
            _, files = found.setdefault(match["folder"], (match["compiler"], {}))
            files[match["file"]] = stat
    return [
        Module(folder=folder, compiler=compiler, files=files)
        for folder, (compiler, files) in sorted(found.items())
    ]
