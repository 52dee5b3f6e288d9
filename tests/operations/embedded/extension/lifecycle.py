"""A resource type's life in CloudFormation, as data, and the test that every type passes."""

import re
from dataclasses import dataclass, field
from typing import Any

import jmespath

ROLE = "arn:aws:iam::000000000000:role/r"
TOKYO, OSLO = [{"Key": "place", "Value": "tokyo"}], [{"Key": "place", "Value": "oslo"}]
ABSENT = (None, [], {})


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


@dataclass(frozen=True, kw_only=True)
class Life:
    """A type's properties, a change in place, one that replaces, and the call that shows them."""

    type: str
    properties: dict[str, Any]
    change: dict[str, Any] | None = None
    replace: dict[str, Any] | None = None
    needs: dict[str, Any] = field(default_factory=dict)  # other resources by logical id
    call: tuple[str, str, dict[str, Any]]  # service, method, parameters with {logical ids}
    value: str  # JMESPath, also with {logical ids}, to what must be `shown`
    shown: tuple[Any, ...]  # after the creation, the change and the replacement
    attributes: tuple[str, ...] = ()  # GetAtts that must have a value

    def steps(self) -> list[dict[str, Any]]:
        """The properties at each step."""
        return [
            self.properties | overlay
            for overlay in ({}, self.change, self.replace)
            if overlay is not None
        ]

    def look(self, stack: Any) -> Any:
        """What the type's own service shows."""
        return self.look_for(stack, self.names(stack))

    def names(self, stack: Any) -> dict[str, str]:
        """Physical ids by logical id; Tail is what follows the last / or | of It's."""
        ids = {name: stack.id(name) for name in ("It", *self.needs)}
        return ids | {"Tail": re.split("[/|]", ids["It"])[-1]}

    def look_for(self, stack: Any, names: dict[str, str]) -> Any:
        service, method, parameters = self.call
        client = stack.client(service)
        try:
            answer = getattr(client, method)(**_formatted(parameters, names))
        except client.exceptions.ClientError:
            return None
        path = self.value
        for name, id in names.items():
            path = path.replace(f"{{{name}}}", id)
        return jmespath.search(path, answer)


def _formatted(value: Any, names: dict[str, str]) -> Any:
    match value:
        case str():
            return value.format_map(names)
        case dict():
            return {name: _formatted(item, names) for name, item in value.items()}
        case list():
            return [_formatted(item, names) for item in value]
    return value


def check(stack: Any, life: Life) -> None:
    """Create, change, replace and delete through CloudFormation; look through the service."""
    outputs = {name: {"Fn::GetAtt": ["It", name]} for name in life.attributes}
    ids = []
    for properties, shown in zip(life.steps(), life.shown, strict=True):
        resources = life.needs | {"It": {"Type": life.type, "Properties": properties}}
        stack.deploy(resources, {"Id": {"Ref": "It"}, **outputs})
        assert stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack.reasons
        assert life.look(stack) == shown
        assert all(stack.outputs.values())
        ids.append(stack.id("It"))
    if life.change is not None:
        assert ids[1] == ids[0]
    if life.replace is not None:
        assert ids[-1] != ids[0]

    names = life.names(stack)
    stack.deploy(life.needs or {"Other": {"Type": "AWS::SNS::Topic"}})
    assert stack.status == "UPDATE_COMPLETE", stack.reasons
    assert life.look_for(stack, names) in ABSENT
