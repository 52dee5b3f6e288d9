"""Findings and rules, for people and for programs."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from operations.checker.registry import SEVERITIES, Finding
from operations.checker.rules import RULES

_WIDTH = 100  # characters
_MOST = 3  # values of one resource that a paragraph names


def paragraphs(findings: Sequence[Finding]) -> Iterator[str]:
    """Where, which rule, the values, what happens in the field, what would be right.

    One for each resource and rule, however many of its values are wrong.
    """
    for (template, logical_id, name), group in groupby(
        findings, key=lambda finding: (finding.template, finding.logical_id, finding.rule)
    ):
        found, rule = list(group), RULES[name]
        values = list(dict.fromkeys(finding.value for finding in found))
        remedies = list(dict.fromkeys(finding.remedy for finding in found))
        said = "; ".join(values[:_MOST]) + (
            f"; and {len(values) - _MOST} more" if len(values) > _MOST else ""
        )
        text = f"{said}. {rule.without} Right: {'; '.join(remedies)}. ({rule.sources[0]})"
        body = textwrap.fill(
            text,
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"{template}: {logical_id}: {rule.id} ({SEVERITIES[rule.severity]})\n{body}"


def summary(findings: Sequence[Finding], templates: int, groups: int) -> str:
    counted = (
        f"{_count(templates, 'template')}, {_count(groups, 'group')} of nodes, "
        f"{_count(len(RULES), 'rule')}"
    )
    return f"{counted}: {_count(len(findings), 'finding') if findings else 'no finding'}."


def findings_json(findings: Sequence[Finding], templates: Sequence[str]) -> str:
    """One object: the templates that were judged, and the findings, each with its rule."""
    rows = [
        {
            "template": finding.template,
            "logical_id": finding.logical_id,
            "rule": finding.rule,
            "severity": RULES[finding.rule].severity,
            "value": finding.value,
            "without": RULES[finding.rule].without,
            "remedy": finding.remedy,
            "sources": RULES[finding.rule].sources,
        }
        for finding in findings
    ]
    return json.dumps({"templates": list(templates), "findings": rows}, indent=2)


def rules_json() -> str:
    rows: list[dict[str, Any]] = [
        {
            "id": rule.id,
            "severity": rule.severity,
            "title": rule.title,
            "without": rule.without,
            "sources": rule.sources,
        }
        for rule in RULES.values()
    ]
    return json.dumps({"rules": rows}, indent=2)


def rules_markdown() -> str:
    """The rules as the table of docs/operations.md."""
    lines = ["| rule | | holds | without it |", "| --- | --- | --- | --- |"]
    for rule in RULES.values():
        sources = ", ".join(
            f"[{number}]({source})" for number, source in enumerate(rule.sources, start=1)
        )
        lines.append(f"| `{rule.id}` | {rule.severity} | {rule.title} | {rule.without} {sources} |")
    return "\n".join(lines) + "\n"


def rules_text() -> str:
    """The rules for a terminal."""
    width = max(len(rule.id) for rule in RULES.values())
    meanings = [f"{letter}: {meaning}" for letter, meaning in SEVERITIES.items()]
    rows = [f"{rule.id:{width}}  {rule.severity}  {rule.title}" for rule in RULES.values()]
    return "\n".join([*rows, "", "; ".join(meanings)])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
