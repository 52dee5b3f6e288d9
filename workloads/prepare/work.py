"""Stages' files between input and data set: named by what they are made of, written whole.

A task's marker is written after its other files, so that what has a marker is complete: a rerun
skips it, and other processes wait for it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from workloads.files import Folder, open_folder

MARKER = ".json"
opened = cache(open_folder)  # a client of S3 takes a third of a second to make
Tally = dict[str, Any]  # what a stage counted, as JSON


@dataclass(frozen=True)
class Task:
    """One call of a stage, stage(work, stem, *arguments), for any process to make.

    A stage turns files into files whose names begin with `stem`, the same ones whoever runs it;
    the stem is phase/hash of everything they depend on.
    """

    stem: str
    stage: Callable[..., Tally]
    arguments: tuple[Any, ...]

    @property
    def marker(self) -> str:
        return self.stem + MARKER


def key(*things: Any) -> str:
    """A name for everything that a file's content depends on."""
    text = json.dumps(things, sort_keys=True, default=_as_dictionary)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def do(task: Task, work: Folder) -> Tally:
    """The task's tally; its stage is run only if nobody has done so."""
    if work.exists(task.marker):
        return read_tally(task, work)
    tally = task.stage(work, task.stem, *task.arguments)
    work.write(task.marker, json.dumps(tally, sort_keys=True).encode())
    return tally


def read_tally(task: Task, work: Folder) -> Tally:
    """What a finished task counted."""
    tally: Tally = json.loads(work.read(task.marker))
    return tally


def _as_dictionary(thing: Any) -> dict[str, Any]:
    return {type(thing).__name__: vars(thing)}
