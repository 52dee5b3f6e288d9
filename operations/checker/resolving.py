"""The templates that are checked together: their resources, outputs and exported names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from operations.checker.expressions import ABSENT, Scope
from operations.checker.values import Reference, mapping


@dataclass(frozen=True)
class Template:
    """One template, and what is known of where it is deployed.

    `name` says which it is in a finding; `stack` is the stack's name, by which others refer to it;
    `parent` is a nested stack's: the name of the template it stands in, and its logical ID there.
    """

    name: str
    body: Mapping[str, Any]
    stack: str
    region: str | None = None
    parent: tuple[str, str] | None = None


@dataclass(frozen=True)
class Resource:
    """A resource with its references followed. Two are equal if they are the same resource."""

    template: str
    logical_id: str
    kind: str = field(compare=False)
    properties: Mapping[str, Any] = field(compare=False)


class Templates:
    """The templates that are checked together, and what their expressions come to."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {template.name: template for template in templates}
        self._nested = {template.parent: template for template in templates}
        self._resources: dict[tuple[str, str], Resource] = {}

    def __iter__(self) -> Iterator[Template]:
        return iter(self._templates.values())

    def every(self, *kinds: str) -> list[Resource]:
        """Each resource of these types, in the order of the templates."""
        return [
            self._resource(template.name, logical_id)
            for template in self
            for logical_id, body in mapping(template.body.get("Resources")).items()
            if mapping(body).get("Type") in kinds and self._exists(template, mapping(body))
        ]

    def get(self, value: object) -> Resource | None:
        """The resource that a resolved value refers to; None if it refers to none."""
        if not isinstance(value, Reference):
            return None
        return self._resource(value.template, value.logical_id)

    def resolve(self, template: str, value: object) -> Any:
        """What an expression of a template comes to."""
        found = Scope(self, self._templates[template]).resolve(value)
        return None if found is ABSENT else found

    def output(self, stack: str, region: str | None, name: str) -> Any:
        """What a stack's output comes to; `ABSENT` if no template, or more than one, has it."""
        holders = [
            template
            for template in self
            if template.stack == stack
            and (region is None or template.region in (None, region))
            and name in mapping(template.body.get("Outputs"))
        ]
        if len(holders) != 1:
            return ABSENT
        return self._value_of(holders[0], name)

    def export(self, name: str) -> Any:
        """What an exported name stands for; `ABSENT` if no template, or more than one, has it."""
        holders = self._exports.get(name, [])
        return self._value_of(*holders[0]) if len(holders) == 1 else ABSENT

    def region_of(self, template: str) -> str | None:
        return self._templates[template].region

    def nested(self, template: str, logical_id: str) -> Template | None:
        """The template of a nested stack, if it is among those checked."""
        return self._nested.get((template, logical_id))

    def given(self, nested: tuple[str, str]) -> Mapping[str, Any]:
        """The parameters that a template gives a stack nested in it, unresolved."""
        template, logical_id = nested
        body = mapping(mapping(self._templates[template].body["Resources"])[logical_id])
        return mapping(mapping(body.get("Properties")).get("Parameters"))

    def _value_of(self, template: Template, output: str) -> Any:
        body = mapping(mapping(template.body["Outputs"])[output])
        return Scope(self, template).resolve(body.get("Value"))

    def _resource(self, template: str, logical_id: str) -> Resource:
        key = (template, logical_id)
        if key not in self._resources:
            body = mapping(mapping(self._templates[template].body.get("Resources"))[logical_id])
            # A resource that refers to itself finds this one, without properties.
            self._resources[key] = Resource(template, logical_id, str(body.get("Type")), {})
            properties = self.resolve(template, body.get("Properties"))
            self._resources[key] = Resource(
                template, logical_id, str(body.get("Type")), mapping(properties)
            )
        return self._resources[key]

    def _exists(self, template: Template, body: Mapping[str, Any]) -> bool:
        """Whether a resource is made; one whose condition is not decided counts as made."""
        condition = body.get("Condition")
        return condition is None or Scope(self, template).condition(condition) is not False

    @cached_property
    def _exports(self) -> dict[str, list[tuple[Template, str]]]:
        exports: dict[str, list[tuple[Template, str]]] = {}
        for template in self:
            for name, body in mapping(template.body.get("Outputs")).items():
                exported = mapping(mapping(body).get("Export")).get("Name")
                resolved = Scope(self, template).resolve(exported)
                if isinstance(resolved, str):
                    exports.setdefault(resolved, []).append((template, name))
        return exports
