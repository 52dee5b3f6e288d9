"""Values against botocore's model of an API: fitting them to it, and what breaks its rules."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service by its boto3 name."""
    return botocore.session.get_session().get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel:
    return service_model(service).operation_model(operation)


def request_shape(service: str, operation: str) -> StructureShape:
    """What the operation takes."""
    shape = operation_model(service, operation).input_shape
    return shape or StructureShape(f"{operation}Request", {"type": "structure", "members": {}})


def fit(shape: Shape, value: Any) -> tuple[Any, list[str]]:
    """CloudFormation's `value` in the API's spelling and types, and the paths that have no place.

    Names are matched without regard to case, numbers and booleans may come as text, and a tag
    list and a tag map stand for each other, as between a template and the APIs.
    """
    dropped: list[str] = []
    return _fit(shape, value, "", dropped), dropped


def _fit(shape: Shape, value: Any, path: str, dropped: list[str]) -> Any:
    match shape:
        case StructureShape():
            return _fit_structure(shape, value, path, dropped)
        case ListShape():
            if isinstance(value, Mapping):
                value = [{"Key": key, "Value": item} for key, item in value.items()]
            items = value if isinstance(value, list) else [value]
            return [_fit(shape.member, item, path, dropped) for item in items]
        case MapShape():
            if isinstance(value, list):
                value = {tag["Key"]: tag["Value"] for tag in value}
            return {key: _fit(shape.value, item, path, dropped) for key, item in value.items()}
    match shape.type_name:
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "boolean":
            return str(value).lower() == "true"
        case "string":
            return json.dumps(value) if isinstance(value, dict | list) else str(value)
    return value


def _fit_structure(
    shape: StructureShape, value: Mapping[str, Any], path: str, dropped: list[str]
) -> dict[str, Any]:
    members = {name.lower(): name for name in shape.members}
    fitted = {}
    for name, item in value.items():
        where = f"{path}.{name}".lstrip(".")
        member = members.get(name.lower())
        if member is None:
            dropped.append(where)
        elif item is not None:
            fitted[member] = _fit(shape.members[member], item, where, dropped)
    return fitted


def violations(shape: Shape, value: Any, path: str = "", *, patterns: bool = True) -> Iterator[str]:
    """Sentences on every rule of the model that `value` breaks: what AWS would refuse."""

    def inner(shape: Shape, value: Any, path: str) -> Iterator[str]:
        return violations(shape, value, path.lstrip("."), patterns=patterns)

    match shape:
        case StructureShape():
            if not isinstance(value, Mapping):
                yield f"{path or 'the request'} must be a structure, not {value!r}"
                return
            for name in shape.required_members:
                if name not in value:
                    yield f"{path}.{name}".lstrip(".") + " is required"
            for name, item in value.items():
                if name in shape.members:
                    yield from inner(shape.members[name], item, f"{path}.{name}")
                else:
                    yield f"{path}.{name}".lstrip(".") + " is not known"
        case ListShape():
            if not isinstance(value, list):
                yield f"{path} must be a list, not {value!r}"
                return
            yield from _outside(shape, len(value), f"the number of items in {path}")
            for index, item in enumerate(value):
                yield from inner(shape.member, item, f"{path}[{index}]")
        case MapShape():
            if not isinstance(value, Mapping):
                yield f"{path} must be a map, not {value!r}"
                return
            for key, item in value.items():
                yield from inner(shape.key, key, f"a key of {path}")
                yield from inner(shape.value, item, f"{path}[{key}]")
        case _:
            yield from _scalar_violations(shape, value, path, patterns=patterns)


def _scalar_violations(shape: Shape, value: Any, path: str, *, patterns: bool) -> Iterator[str]:
    match shape.type_name:
        case "integer" | "long" | "float" | "double":
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield f"{path} must be a number, not {value!r}"
            else:
                yield from _outside(shape, value, path)
        case "boolean":
            if not isinstance(value, bool):
                yield f"{path} must be true or false, not {value!r}"
        case "string":
            if not isinstance(value, str):
                yield f"{path} must be text, not {value!r}"
                return
            if (values := shape.metadata.get("enum")) and value not in values:
                yield f"{path} is {value!r}, but must be one of {', '.join(values)}"
            yield from _outside(shape, len(value), f"the length of {path}")
            pattern = shape.metadata.get("pattern")
            if patterns and pattern and not _matches(pattern, value):
                yield f"{path} is {value!r}, which does not match {pattern}"


def _matches(pattern: str, value: str) -> bool:
    r"""Whether all of `value` matches; true for a pattern that Python cannot read (\p{L})."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True


def _outside(shape: Shape, number: float, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and number < least:
        yield f"{what} is {number}, but must be at least {least}"
    if most is not None and number > most:
        yield f"{what} is {number}, but must be at most {most}"


def project(shape: StructureShape, record: Mapping[str, Any]) -> dict[str, Any]:
    """The members of `record` that an answer of this structure carries."""
    return {
        name: _project(member, record[name])
        for name, member in shape.members.items()
        if record.get(name) is not None
    }


def _project(shape: Shape, value: Any) -> Any:
    match shape:
        case StructureShape():
            return project(shape, value)
        case ListShape():
            return [_project(shape.member, item) for item in value]
    return value
