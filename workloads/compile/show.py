"""What the commands print: short tables on stdout, or JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workloads.artefacts.store import READY
from workloads.compile.doctor import Check
from workloads.compile.garbage import Thing, Use
from workloads.compile.plan import Row
from workloads.compile.verify import Finding


def as_json(table: Any) -> None:
    print(json.dumps(table, indent=2, default=_plain))


def rows(found: Sequence[Row]) -> None:
    """The plan, and what is left to do."""
    lines = [("for", "artefact", "state", "compiled as")]
    for row in found:
        state = f"{row.state} ({row.why})" if row.why else row.state
        short = f"{row.key.kind}/{row.key.digest[:12]}"
        lines.append((row.instance, short, state, row.key.summary))
    _table(lines)
    todo = [row for row in found if row.state != READY]
    if not todo:
        print("everything is compiled")
    for row in todo:
        for job in row.jobs:
            room = (
                f"{job.part.cpus} CPUs, {job.part.memory_gib} GiB of any CPU pool"
                if job.part
                else f"{job.pods} x {row.instance}, whole"
            )
            limit = f"{job.deadline_seconds // 60} min at most"
            print(f"job {job.name}: {room}, {limit}, in {job.image.rpartition('/')[2]}")


def findings(found: Sequence[Finding]) -> None:
    for finding in found:
        print(f"{finding.where}: {finding.problem}: {finding.detail}")
    count = len(found)
    print("nothing is wrong" if not count else f"{count} finding{'s' * (count > 1)}")


def things(found: Sequence[tuple[Thing, str]], *, done: bool) -> None:
    for thing, reason in found:
        print(f"{thing.where}: {reason} ({_megabytes(thing.size)})")
    total = _megabytes(sum(thing.size for thing, _ in found))
    print(f"{len(found)} {'deleted' if done else 'to delete'}, {total}")


def uses(found: Sequence[Use]) -> None:
    _table(
        [
            ("kind", "compiler", "artefacts", "files", "size"),
            *(
                (use.kind, use.compiler, f"{use.artefacts}", f"{use.files}", _megabytes(use.size))
                for use in found
            ),
        ]
    )


def checks(found: Sequence[Check]) -> None:
    _table(
        [
            ("package", "installed", "pinned", ""),
            *(
                (check.name, check.installed or "-", check.pinned or "-", check.problem or "ok")
                for check in found
            ),
        ]
    )


def _table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no JSON")
