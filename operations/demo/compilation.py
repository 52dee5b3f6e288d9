"""What would be compiled for the demo's model on its environment's accelerators, and what is."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

from stacks.config import EnvironmentConfig
from workloads.versions import VERSIONS

READY = "ready"


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """One compiled artefact that the environment needs."""

    instance: str
    kind: str
    digest: str
    compiler: str
    image: str
    cores: int  # that a decoder is cut for; 1 for graphs
    state: str
    memory_gib: int  # of the largest job on CPUs that makes it; 0: none is needed


def options_of(config: EnvironmentConfig) -> list[str]:
    """The options of `workloads.compile plan`: serve on what serves, train on what trains.

    A pool trains if an image to train is pinned for its family, else it serves; what is compiled
    must fit a node of the pool of CPUs.
    """
    serve, train, cpus = [], [], []
    for pool in config.pools:
        family = pool.hardware.family
        if not pool.hardware.neuron:
            cpus.append(pool.instance_type)
        elif "train" in (VERSIONS.neuron[family].images if family in VERSIONS.neuron else {}):
            train.append(pool.instance_type)
        else:
            serve.append(pool.instance_type)
    serve += [endpoint.instance_type for endpoint in config.endpoints]
    given = {"--serve-on": serve, "--train-on": train, "--compile-on": cpus[:1]}
    return [word for option, types in given.items() if types for word in (option, *types)]


def read_plan(lines: Sequence[str]) -> tuple[Artefact, ...]:
    """The artefacts in what `plan --json` printed; what it said before the JSON is skipped."""
    rows = json.loads("\n".join(lines[list(lines).index("[") :]))
    return tuple(
        Artefact(
            instance=row["instance"],
            kind=row["key"]["kind"],
            digest=row["name"].rpartition("/")[2],
            compiler=row["key"]["compiler"],
            image=row["key"]["image"],
            cores=row["key"]["tensor_parallel"],
            state=row["state"],
            memory_gib=max([job["part"]["memory_gib"] for job in row["jobs"] if job["part"]] + [0]),
        )
        for row in rows
    )


def summary(artefacts: Sequence[Artefact]) -> str:
    """One line: how many are needed, how many are there."""
    ready = sum(artefact.state == READY for artefact in artefacts)
    return f"{len(artefacts)} artefacts needed on Neuron, {ready} in the cache"


def table_of(artefacts: Iterable[Artefact]) -> Table:
    """One row for each artefact."""
    table = Table("for", "artefact", "compiler", "state", "made by", title="Compiled ahead of time")
    for artefact in artefacts:
        made_by = f"{artefact.memory_gib} GiB of the CPU pool" if artefact.memory_gib else "-"
        table.add_row(
            artefact.instance,
            f"{artefact.kind} {artefact.digest[:12]}",
            artefact.compiler,
            artefact.state,
            made_by,
        )
    return table
