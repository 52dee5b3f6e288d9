"""Jobs that another stage described, as JSON: `python -m workloads.compile plan … --json`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from workloads.command import InputError
from workloads.jobs.job import Job, Part

_FIELDS = {field.name for field in fields(Job)}
_NEEDED = {"name", "image", "command"}


def read_job(place: str, name: str | None, image: str | None) -> Job:
    """The job of a file ("-": of stdin) that has the name, or its only one; `image` in its place.

    A job is an object with a job's fields, wherever in the file it stands.
    """
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text("utf-8")
        found = {row["name"]: row for row in _rows(json.loads(text))}
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{place} is not JSON: {error}") from error
    if name is None and len(found) == 1:
        [name] = found
    if name not in found:
        there = ", ".join(found) or "none"
        raise InputError(
            f"{place} has no job {name or 'alone'}: give one of them as --name: {there}"
        )
    job = _job(found[name])
    return replace(job, image=image) if image else job


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case dict() if value.keys() >= _NEEDED and value.keys() <= _FIELDS:
            yield value
        case dict():
            for part in value.values():
                yield from _rows(part)
        case list():
            for part in value:
                yield from _rows(part)


def _job(row: dict[str, Any]) -> Job:
    part = Part(**row["part"]) if row.get("part") else None
    commands = {name: tuple(row.get(name, ())) for name in ("command", "before")}
    return Job(**row | commands | {"part": part})
