"""What of a template's properties an API's answer does not show."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def lost(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Paths in `expected` that `found` lacks or has another value for.

    Names are compared without regard to case and lists without order; `found` may hold more. A
    false or empty value may be absent, numbers and booleans may be text, a document may be its
    JSON text, and a list of keys and values stands for a map.
    """
    if isinstance(found, str) and isinstance(expected, dict | list):
        found = _parsed(found)
    match expected:
        case dict():
            yield from _lost_of_map(expected, _as_map(found), path)
        case list():
            yield from _lost_of_list(expected, found, path)
        case _:
            if isinstance(found, list) and len(found) == 1:
                found = found[0]
            if not (_plain(expected) == _plain(found) or (found is None and _is_empty(expected))):
                yield path


def _lost_of_map(expected: Mapping[str, Any], found: Any, path: str) -> Iterator[str]:
    if not isinstance(found, Mapping):
        if not _is_empty(expected):
            yield path
        return
    by_name = {name.lower(): value for name, value in found.items()}
    for name, value in expected.items():
        yield from lost(value, by_name.get(name.lower()), f"{path}.{name}".lstrip("."))


def _lost_of_list(expected: list[Any], found: Any, path: str) -> Iterator[str]:
    if isinstance(found, Mapping) and _are_pairs(expected):
        yield from _lost_of_map(_as_map(expected), found, path)
        return
    candidates = found if isinstance(found, list) else [found]
    for item in expected:
        attempts = [list(lost(item, candidate, path)) for candidate in candidates]
        yield from min(attempts, key=len, default=[path])


def _as_map(value: Any) -> Any:
    """A list of tags or attributes as a map; anything else as it is."""
    if isinstance(value, list) and value and _are_pairs(value):
        return {_lowered(item)["key"]: _lowered(item)["value"] for item in value}
    return value


def _are_pairs(items: list[Any]) -> bool:
    return all(
        isinstance(item, Mapping) and _lowered(item).keys() == {"key", "value"} for item in items
    )


def _lowered(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in item.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_empty(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_empty(item) for item in value.values())
    return value in (None, False, "false", "", []) or value == {}


def _plain(value: Any) -> str:
    """A scalar as text, the same for 5, 5.0 and '5', and for True and 'true'."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return str(float(value))
    except (TypeError, ValueError):
        return str(value)
