"""When the support of what an environment uses ends: what is said before, and what after.

Standard library only, and no clock: whoever calls gives the day, so that a test means the same
tomorrow.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Support:
    """One row of the calendar in versions.toml, its days in UTC.

    `refused`: after the end nobody can deploy it, or should. Where it is false, nothing newer that
    would do is published, so the end is said and left to the reader.
    """

    subject: str  # as Versions.used names it, such as "Kubernetes 1.34"
    warn_from: date
    ends: date
    meanwhile: str  # what to know from warn_from on
    instead: str
    source: str
    refused: bool = True
    extended_from: date | None = None  # Kubernetes: the day the control plane begins to cost more


@dataclass(frozen=True, kw_only=True)
class Notices:
    """Sentences for whoever deploys: warnings do not stop a synthesis, refusals do."""

    warnings: tuple[str, ...]
    refusals: tuple[str, ...]


def notices(today: date, used: Collection[str], calendar: Iterable[Support]) -> Notices:
    """What the calendar says on a day of the subjects in use (`Versions.used`)."""
    warnings: list[str] = []
    refusals: list[str] = []
    for row in calendar:
        if row.subject not in used or today < row.warn_from:
            continue
        if today < row.ends:
            warnings.append(
                f"{row.subject}: {row.meanwhile}; support ends on {row.ends}: {row.instead} "
                f"({row.source})"
            )
            continue
        sentence = f"{row.subject}: support ended on {row.ends}: {row.instead} ({row.source})"
        (refusals if row.refused else warnings).append(sentence)
    return Notices(warnings=tuple(warnings), refusals=tuple(refusals))
