"""CloudFormation types that are one resource of one service's API, each a row of data."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]  # its stubs are not worth a dependency

from operations.embedded.extension.handler import Call, Created, Properties
from operations.embedded.extension.shapes import request_shape


@dataclass(frozen=True)
class TagCalls:
    """How a service changes tags: operations, and the members that carry target, tags and keys."""

    add: str
    remove: str
    target: str
    tags: str
    keys: str


_TAGS = {
    "application-autoscaling": TagCalls(
        "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys"
    ),
    "bedrock": TagCalls("TagResource", "UntagResource", "resourceARN", "tags", "tagKeys"),
    "budgets": TagCalls(
        "TagResource", "UntagResource", "ResourceARN", "ResourceTags", "ResourceTagKeys"
    ),
    "cloudwatch": TagCalls("TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys"),
    "ec2": TagCalls("CreateTags", "DeleteTags", "Resources", "Tags", "Tags"),
    "ecs": TagCalls("TagResource", "UntagResource", "resourceArn", "tags", "tagKeys"),
    "eks": TagCalls("TagResource", "UntagResource", "resourceArn", "tags", "tagKeys"),
    "fsx": TagCalls("TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys"),
    "sagemaker": TagCalls("AddTags", "DeleteTags", "ResourceArn", "Tags", "TagKeys"),
}


@dataclass(frozen=True, kw_only=True)
class ApiType:
    """A type whose create, read, update and delete are one call each.

    `id`, `tag_target` and what is `at` are formats over the properties, the resource as
    the API describes it, `{id}` (the physical id) and `{tail}` (the id after its last / or |).
    """

    type: str
    service: str
    create_only: tuple[str, ...]
    create_call: str
    read_call: str
    delete_call: str
    update_call: str | None = None
    record: str = "@"  # JMESPath from the read call's answer to the resource, over `{id}`
    created: str = "@"  # JMESPath from the create call's answer to the resource
    id: str
    at: Mapping[str, str]  # members that address the resource in the read call
    change_at: Mapping[str, str] | None = None  # in update and delete, where they differ
    delete_at: Mapping[str, str] | None = None  # in delete alone, where that differs too
    attributes: Mapping[str, str] = field(default_factory=dict)  # GetAtt name: path in the record
    rename: Mapping[str, str] = field(default_factory=dict)  # property: the API's member
    named_by: str | None = None  # the property that CloudFormation fills when it is absent
    longest_name: int = 63
    tag_target: str | None = None
    tag_resource_type: str | None = None  # EC2's TagSpecifications instead of a Tags member
    tags_afterwards: bool = False  # where the create call forgets them

    def create(self, call: Call, properties: Properties) -> Created:
        wanted = dict(properties)
        if self.named_by and self.named_by not in wanted:
            wanted[self.named_by] = call.name(self.longest_name)
        answer = call(self.service, self.create_call, self._parameters(wanted))
        resource = jmespath.search(self.created, answer) or {}
        id = self.id.format_map(wanted | resource)
        try:
            if self.tags_afterwards:
                self._retag(call, id, {}, properties)
            return Created(id, self._attributes(call, id, wanted))
        except Exception:
            self.delete(call, id, wanted)  # CloudFormation does not know it yet
            raise

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if "Tags" in changed:
            self._retag(call, id, old, new)
        if rest := changed - {"Tags"}:
            self._change(call, id, new, rest)
        return Created(id, self._attributes(call, id, new))

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        try:
            at = self.delete_at or self.change_at or self.at
            where = self._address(at, call, id, properties)
        except KeyError:  # the API describes it no more
            return
        call.quietly(self.service, self.delete_call, where)

    def read(self, call: Call, id: str, properties: Properties) -> dict[str, Any]:
        """The resource as its own API describes it."""
        names = self._names(id, properties)
        where = {member: text.format_map(names) for member, text in self.at.items()}
        answer = call(self.service, self.read_call, where)
        found = jmespath.search(self.record.replace("{id}", id), answer)
        return dict(found or {})

    def _change(self, call: Call, id: str, new: Properties, changed: set[str]) -> None:
        if self.update_call is None:
            call.dropped += sorted(changed)
            return
        known = {member.lower() for member in request_shape(self.service, self.update_call).members}
        renamed = self._parameters(new)
        wanted = {name: value for name, value in renamed.items() if name.lower() in known}
        call.dropped += sorted(
            name
            for name in changed
            if name not in new or self.rename.get(name, name).lower() not in known
        )
        where = self._address(self.change_at or self.at, call, id, new)
        call(self.service, self.update_call, wanted | where)

    def _retag(self, call: Call, id: str, old: Properties, new: Properties) -> None:
        calls = _TAGS[self.service]
        before, after = _tag_map(old.get("Tags")), _tag_map(new.get("Tags"))
        where = self._address({calls.target: self.tag_target or "{id}"}, call, id, new)
        if after:
            call(self.service, calls.add, where | {calls.tags: after})
        if gone := sorted(before.keys() - after.keys()):
            keys = [{"Key": key} for key in gone] if calls.keys == calls.tags else gone
            call(self.service, calls.remove, where | {calls.keys: keys})

    def _parameters(self, properties: Properties) -> dict[str, Any]:
        parameters = {
            self.rename.get(name, name): value
            for name, value in properties.items()
            if not (name == "Tags" and self.tags_afterwards)
        }
        if self.tag_resource_type and parameters.get("Tags"):
            parameters["TagSpecifications"] = [
                {"ResourceType": self.tag_resource_type, "Tags": parameters.pop("Tags")}
            ]
        return parameters

    def _address(
        self, at: Mapping[str, str], call: Call, id: str, properties: Properties
    ) -> dict[str, Any]:
        """What `at` names, asking the API only where properties and id do not say it."""
        names = _Names(self._names(id, properties), lambda: self.read(call, id, properties))
        return {member: text.format_map(names) for member, text in at.items()}

    def _names(self, id: str, properties: Properties) -> dict[str, Any]:
        tail = re.split("[/|]", id)[-1]
        default = {self.named_by: tail} if self.named_by else {}
        return {**default, **properties, "id": id, "tail": tail}

    def _attributes(self, call: Call, id: str, properties: Properties) -> dict[str, Any]:
        record = self.read(call, id, properties)
        return {name: jmespath.search(path, record) for name, path in self.attributes.items()}


class _Names(dict[str, Any]):
    """Values by name, completed from the API when one is missing."""

    def __init__(self, known: Mapping[str, Any], load: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(known)
        self._load = load

    def __missing__(self, name: str) -> Any:
        return self._load()[name]


def _tag_map(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return dict(tags)
    return {tag["Key"]: tag["Value"] for tag in tags or []}
