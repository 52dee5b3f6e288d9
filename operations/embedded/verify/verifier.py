"""One way to find a resource and compare it, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]  # its stubs are not worth a dependency
from botocore import xform_name
from botocore.exceptions import ClientError

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Call, Place, client, is_gone
from operations.embedded.verify.compare import lost

Properties = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a stack; its properties are what the template resolved to."""

    stack: str
    logical_id: str
    type: str
    id: str  # the physical id
    properties: Properties
    dropped: tuple[str, ...]  # properties that no API call could take


@dataclass(frozen=True)
class Read:
    """One call, whose parameters and path are formats over `{id}` and the properties."""

    service: str
    operation: str
    at: Mapping[str, Any]
    path: str = "@"  # JMESPath from the answer to what is compared

    def __call__(self, place: Place, resource: Resource) -> Any:
        """What the service says; None when it knows no such resource."""
        names = {
            **resource.properties,
            "id": resource.id,
            "tail": resource.id.rpartition("/")[2],
            "account": place.account,
        }
        method = getattr(client(self.service, place), xform_name(self.operation))
        try:
            answer = method(**_formatted(self.at, names))
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        path = self.path
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", str(value))
        return jmespath.search(path, answer)


@dataclass(frozen=True)
class Described:
    """The read call of a type that the extension added."""

    type: ApiType

    def __call__(self, place: Place, resource: Resource) -> Any:
        call = Call(place, lambda longest: "")
        try:
            return self.type.read(call, resource.id, resource.properties) or None
        except ClientError as error:
            if is_gone(error):
                return None
            raise


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """How a type's resources are found and compared."""

    find: Callable[[Place, Resource], Any]
    parts: Mapping[str, Callable[[Place, Resource], Any]] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)  # property: path in what is found
    expect: Callable[[Properties], Properties] = lambda properties: properties
    unseen: tuple[str, ...] = ()  # properties that no API shows, on AWS neither
    declared: str | Callable[[Place, Resource], str] = ""  # why it is no more than accepted
    remark: str = ""  # what of it is not there, although its configuration is

    def why_declared(self, place: Place, resource: Resource) -> str:
        """Why the resource is no more than accepted; empty when it is more."""
        if isinstance(self.declared, str):
            return self.declared
        return self.declared(place, resource)

    def lost(self, place: Place, resource: Resource) -> list[str] | None:
        """Properties that its service does not show; None when it knows no such resource."""
        found = self.find(place, resource)
        if found is None:
            return None
        found = dict(found) if isinstance(found, Mapping) else {"": found}
        for name, read in self.parts.items():
            found[name] = read(place, resource)
        for name, path in self.rename.items():
            found[name] = jmespath.search(path, found)
        expected = {
            name: value
            for name, value in self.expect(resource.properties).items()
            if name not in self.unseen
        }
        return sorted({*lost(expected, found), *resource.dropped})


def _formatted(value: Any, names: Mapping[str, Any]) -> Any:
    match value:
        case str():
            return value.format_map(names)
        case dict():
            return {name: _formatted(item, names) for name, item in value.items()}
        case list():
            return [_formatted(item, names) for item in value]
    return value
