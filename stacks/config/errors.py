"""How a wrong environment file is told to its author: one sentence per mistake, no traceback."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError


def wrong(key: str, value: object, text: str) -> PydanticCustomError:
    """The error of a rule that joins fields: the key (below the section), its value, the remedy."""
    return PydanticCustomError("rule", "{text}", {"key": key, "value": value, "text": text})


def nearest(word: str, known: Iterable[str], most: int = 1) -> str:
    """The known word that `word` was probably meant to be, or up to `most`; "" if none is near."""
    return " or ".join(difflib.get_close_matches(word, list(known), n=most))


def sentences(error: ValidationError, schema: type[BaseModel], data: object) -> Iterator[str]:
    """One sentence for each mistake in `data`, which `schema` refused with `error`."""
    problems = error.errors(include_url=False)
    misspelt = {
        (*path[:-1], nearest(str(path[-1]), _model(path[:-1], schema).model_fields))
        for path in (problem["loc"] for problem in problems if problem["type"] == "extra_forbidden")
    }
    for problem in problems:
        # What only follows from another mistake is not told: a default that could not be computed
        # because the field it depends on is wrong, a key that is missing because it is misspelt.
        follows = problem["type"] == "default_factory_not_called" or (
            problem["type"] == "missing" and problem["loc"] in misspelt
        )
        if not follows:
            yield _sentence(problem, schema, data)


def _sentence(problem: ErrorDetails, schema: type[BaseModel], data: object) -> str:
    path = problem["loc"]
    key = _dotted(path, data)
    context = problem.get("ctx", {})
    description = _description(path, schema)
    match problem["type"]:
        case "rule":
            below = "" if context["key"].startswith("[") or not key else "."
            key = f"{key}{below}{context['key']}"
            shown = _shown(context["value"])
            return f"{key}{shown}: {context['text']}" if shown else f"{key} {context['text']}"
        case "value_error":
            return f"{key}{_shown(problem['input'])}: {context['error']}"
        case "extra_forbidden":
            known = _model(path[:-1], schema).model_fields
            meant = nearest(str(path[-1]), known)
            here = f"did you mean {meant}?" if meant else f"known here: {', '.join(known)}"
            hint = _above(path, schema) or here
            return f"{key}{_shown(problem['input'])} is not a known key; {hint}"
        case "missing":
            return f"{key} is missing; it must be {description or 'given'}"
        case "model_type":
            header = ".".join(part for part in path if isinstance(part, str))
            written = f"[[{header}]]" if isinstance(path[-1], int) else f"[{header}]"
            return f"{key}{_shown(problem['input'])}: it must be a table, written {written}"
        case "string_type" if not description:
            return f"{key}{_shown(problem['input'])}: it must be text in quotes"
        case _:
            right = description or problem["msg"].removeprefix("Input should be ")
            return f"{key}{_shown(problem['input'])}: it must be {right}"


def _above(path: tuple[int | str, ...], schema: type[BaseModel]) -> str:
    """Where a key belongs that was written below the header of a later table; "" if nowhere."""
    match path:
        case [_, key] if key in schema.model_fields:
            return "it belongs to the top of the file, above its first table"
        case [outer, int(), inner, key] if key in _model((outer,), schema).model_fields:
            return f"it belongs to [[{outer}]], above [{outer}.{inner}]"
    return ""


def _dotted(path: tuple[int | str, ...], data: object) -> str:
    """The path as in TOML, with entries of a list called by their name where they have one."""
    text = ""
    for part in path:
        data = data[part] if _holds(data, part) else None  # type: ignore[index]  # as just checked
        if isinstance(part, int):
            name = data.get("name") if isinstance(data, dict) else None
            text += f"[{json.dumps(name) if isinstance(name, str) else part}]"
        else:
            word = part if re.fullmatch("[A-Za-z0-9_-]+", part) else json.dumps(part)
            text += f".{word}" if text else word
    return text


def _holds(data: object, part: int | str) -> bool:
    if isinstance(part, int):
        return isinstance(data, list) and part < len(data)
    return isinstance(data, dict) and part in data


def _shown(value: object) -> str:
    """The value as TOML has it; nothing for tables, which would only be noise."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    if first is None or isinstance(first, dict | BaseModel):
        return ""
    return f" = {json.dumps(value, default=str)}"


def _model(path: tuple[int | str, ...], schema: type[BaseModel]) -> type[BaseModel]:
    """The section that a path leads to."""
    for part in path:
        if isinstance(part, str) and part in schema.model_fields:
            schema = next(_models(schema.model_fields[part].annotation), schema)
    return schema


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _description(path: tuple[int | str, ...], schema: type[BaseModel]) -> str | None:
    """What the schema says of the field that a path leads to."""
    keys = [part for part in path if isinstance(part, str)]
    field = _model(tuple(keys[:-1]), schema).model_fields.get(keys[-1]) if keys else None
    return field.description if field else None
