"""What a property of a template can be once its references are followed, and how to read it.

A resolved property is plain data (dict, list, str, int, float, bool) in which a `Reference` or an
`Unknown` may stand anywhere. The readers below answer None or nothing where the value is not of
their kind, so that a rule never judges what it cannot see.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

HOLE = "0"  # good JSON inside of quotes and outside


@dataclass(frozen=True)
class Reference:
    """A resource of the templates, or one of its attributes ("" for what Ref gives)."""

    template: str
    logical_id: str
    attribute: str = ""


@dataclass(frozen=True)
class Unknown:
    """What only a deployment knows. Equal expressions are equal values.

    `text` is what can be told of a string that is partly known, with HOLE for the rest.
    """

    expression: str
    text: str = HOLE


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """A list's items; a single value where CloudFormation wants a list counts as its one item."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """A whole number, also one that stands in quotes, as CloudFormation takes both."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    return None


def boolean(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def known(value: object) -> bool:
    """Whether nothing of a value waits for a deployment; a reference to a resource does not."""
    if isinstance(value, dict):
        return all(known(item) for item in value.values())
    if isinstance(value, list):
        return all(known(item) for item in value)
    return not isinstance(value, Unknown)


def given(value: object) -> bool:
    """Whether a property is certainly there, known or not; a condition may take it away."""
    if isinstance(value, Unknown):
        return "AWS::NoValue" not in value.expression
    return bool(value)


def partly(value: object) -> str:
    """What is known of a string, with HOLE for the rest."""
    if isinstance(value, Unknown):
        return value.text
    return str(value) if isinstance(value, str | int | float) else HOLE


def identity(value: object) -> Hashable:
    """What two mentions of one resource have in common: Ref and GetAtt name the same group."""
    if isinstance(value, Reference):
        return (value.template, value.logical_id)
    return value if isinstance(value, Hashable) else None
