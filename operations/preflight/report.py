"""What preflight found, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from operations.preflight.asking import Outcome
from operations.preflight.policy import action
from operations.preflight.registry import SEVERITIES, Found, Question, Severity

_STYLES: Mapping[Severity, str] = {"fails": "bold red", "may fail": "yellow", "note": "cyan"}


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """A table for each area that something was found in; below it the commands, to be copied."""
    for area in dict.fromkeys(outcome.question.area for outcome in outcomes):
        rows = [
            (outcome.question, found)
            for outcome in outcomes
            if outcome.question.area == area
            for found in outcome.found
        ]
        if not rows:
            continue
        console.print(_table(area, rows))
        for number, (_, found) in enumerate(rows, start=1):
            # Whole, however wide the terminal is: a command in a cell could not be copied.
            line = Text.assemble((f"  {number} ", "bold"), (found.fix, "green"))
            console.print(line, soft_wrap=True)
        console.print()


def _table(area: str, rows: Sequence[tuple[Question, Found]]) -> Table:
    table = Table("", "", title=area, title_justify="left")
    for heading in ("what", "why it matters"):
        table.add_column(heading, overflow="fold")  # an image's name has no place to break
    for number, (question, found) in enumerate(rows, start=1):
        table.add_row(
            str(number),
            Text(found.severity, style=_STYLES[found.severity], no_wrap=True),
            Text(found.what),
            Text(found.why or question.without),
        )
    return table


def summary(outcomes: Sequence[Outcome], *, account: str, region: str, seconds: float) -> str:
    counts = count(outcomes)
    said = [f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]]
    unasked = sum(not outcome.answered for outcome in outcomes)
    return (
        f"{len(outcomes)} questions to account {account} in {region}, {seconds:.1f} s: "
        + (", ".join(said) or "nothing found")
        + (f" ({unasked} could not be asked)" if unasked else "")
    )


def count(outcomes: Sequence[Outcome]) -> dict[Severity, int]:
    """How many findings there are of each severity."""
    found = [finding.severity for outcome in outcomes for finding in outcome.found]
    return {severity: found.count(severity) for severity in SEVERITIES}


def as_json(outcomes: Sequence[Outcome], *, environment: str, account: str, region: str) -> str:
    """One object: what was asked of which account, and the findings."""
    findings: list[dict[str, Any]] = [
        {
            "question": outcome.question.id,
            "area": outcome.question.area,
            "severity": found.severity,
            "what": found.what,
            "why": found.why or outcome.question.without,
            "fix": found.fix,
            "sources": outcome.question.sources,
        }
        for outcome in outcomes
        for found in outcome.found
    ]
    return json.dumps(
        {
            "environment": environment,
            "account": account,
            "region": region,
            "asked": [outcome.question.id for outcome in outcomes],
            "not_answered": [o.question.id for o in outcomes if not o.answered],
            "findings": findings,
        },
        indent=2,
    )


def questions_markdown(questions: Mapping[str, Question]) -> str:
    """The questions as the table of docs/operations.md."""
    lines = ["| question | area | holds | without it | asks |", "| --- | --- | --- | --- | --- |"]
    for question in questions.values():
        sources = ", ".join(f"[{n}]({url})" for n, url in enumerate(question.sources, start=1))
        asks = sorted({action(*ask.split(":")) for ask in question.asks})
        lines.append(
            f"| `{question.id}` | {question.area} | {question.title} | {question.without} "
            f"{sources} | {', '.join(f'`{ask}`' for ask in asks)} |"
        )
    return "\n".join(lines) + "\n"
