"""What an expression of a template comes to: CloudFormation's intrinsic functions.

`Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`, conditions and mappings are followed as CloudFormation
does with the parameters' defaults; `Fn::ImportValue` and `Fn::GetStackOutput` lead into the other
templates. What is left is a resource (`Reference`) or known to a deployment only (`Unknown`).
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from operations.checker.values import HOLE, Reference, Unknown, mapping, partly

if TYPE_CHECKING:
    from operations.checker.resolving import Template, Templates

ABSENT = object()  # what AWS::NoValue leaves
_TOO_DEEP = 100  # functions within functions; no template nests them so deep


class Scope:
    """One template's names while an expression of it is followed."""

    def __init__(self, templates: "Templates", template: "Template") -> None:
        self._templates = templates
        self._template = template
        self._resources = mapping(template.body.get("Resources"))
        self._parameters = mapping(template.body.get("Parameters"))
        self._depth = 0

    def resolve(self, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1:
                [(function, argument)] = value.items()
                if function == "Ref" or str(function).startswith("Fn::"):
                    return self._call(str(function), argument)
            items = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not ABSENT}
        if isinstance(value, list):
            found = [self.resolve(item) for item in value]
            return [item for item in found if item is not ABSENT]
        return value

    def condition(self, value: object) -> bool | None:
        """Whether a condition holds with the parameters' defaults; None: it is not decided."""
        if isinstance(value, str):
            body = mapping(self._template.body.get("Conditions")).get(value)
            return None if body is None else self.condition(body)
        if not isinstance(value, dict) or len(value) != 1:
            return None
        [(function, argument)] = value.items()
        if function == "Condition":
            return self.condition(argument)
        if not isinstance(argument, list):
            return None
        if function == "Fn::Equals" and len(argument) == 2:
            left, right = (self.resolve(side) for side in argument)
            if isinstance(left, str | int) and isinstance(right, str | int):
                return str(left) == str(right)
            return None
        return _decide(str(function), [self.condition(part) for part in argument])

    def _call(self, function: str, argument: Any) -> Any:
        self._depth += 1
        try:
            if self._depth < _TOO_DEEP and function in _FUNCTIONS:
                return _FUNCTIONS[function](self, argument)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
            pass  # not a form that CloudFormation takes; what it says cannot be told
        finally:
            self._depth -= 1
        return self._unknown(function, argument)

    def _unknown(self, function: str, argument: Any, text: str = HOLE) -> Unknown:
        # An imported or published value is the same in every template that reads it.
        where = "" if function in ("Fn::ImportValue", "Fn::GetStackOutput") else self._template.name
        return Unknown(f"{where} {json.dumps({function: argument}, default=str)}".strip(), text)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return ABSENT
        if name in self._resources:
            return Reference(self._template.name, name)
        if name in self._parameters:
            return self._parameter(name, mapping(self._parameters[name]))
        pseudo = {
            "AWS::Region": self._template.region,
            "AWS::StackName": self._template.stack,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        known = pseudo.get(name)
        return self._unknown("Ref", name) if known is None else known

    def _parameter(self, name: str, body: Mapping[str, Any]) -> Any:
        if self._template.parent is not None:
            given = self._templates.given(self._template.parent)
            if name in given:
                return self._templates.resolve(self._template.parent[0], given[name])
        default, kind = body.get("Default"), str(body.get("Type"))
        if kind.startswith("AWS::SSM::Parameter::Value") and isinstance(default, str):
            # Read at deployment, as a dynamic reference without a version is.
            return "{{resolve:ssm:" + default + "}}"
        several = kind.startswith("List<") or kind == "CommaDelimitedList"
        if default is None or (several and default == ""):
            return self._unknown("Ref", name)
        return [item.strip() for item in str(default).split(",")] if several else default

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".") if isinstance(argument, str) else argument
        logical_id, attribute = parts[0], ".".join(parts[1:])
        if logical_id not in self._resources:
            raise KeyError(logical_id)
        nested = self._templates.nested(self._template.name, logical_id)
        if nested is not None and attribute.startswith("Outputs."):
            output = nested.body["Outputs"][attribute.removeprefix("Outputs.")]
            return self._templates.resolve(nested.name, output["Value"])
        return Reference(self._template.name, logical_id, attribute)

    def _join(self, argument: Any) -> Any:
        separator, parts = argument
        items = self.resolve(parts)
        if not isinstance(items, list):
            return self._unknown("Fn::Join", argument)
        return self._text("Fn::Join", argument, separator, items)

    def _sub(self, argument: Any) -> Any:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def replaced(name: str) -> Any:
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return self.resolve(own[name])
            return self._get_att(name) if "." in name else self._ref(name)

        parts = [
            replaced(part.strip()) if place % 2 else part
            for place, part in enumerate(re.split(r"\$\{([^}]*)\}", text))
        ]
        return self._text("Fn::Sub", argument, "", parts)

    def _text(self, function: str, argument: Any, separator: str, parts: list[Any]) -> Any:
        """The parts as one string, or what is known of it."""
        if len([part for part in parts if part != ""]) == 1:
            [part] = [part for part in parts if part != ""]
            if not isinstance(part, int | float):
                return part
        if all(isinstance(part, str | int | float) for part in parts):
            return separator.join(str(part) for part in parts)
        return self._unknown(function, argument, separator.join(partly(part) for part in parts))

    def _if(self, argument: Any) -> Any:
        condition, yes, no = argument
        holds = self.condition(condition)
        if holds is None:
            return self._unknown("Fn::If", argument)
        return self.resolve(yes if holds else no)

    def _select(self, argument: Any) -> Any:
        index, items = argument
        found = self.resolve(items)
        if not isinstance(found, list):
            return self._unknown("Fn::Select", argument)
        return found[int(self.resolve(index))]

    def _split(self, argument: Any) -> Any:
        separator, text = argument
        found = self.resolve(text)
        if not isinstance(found, str):
            return self._unknown("Fn::Split", argument)
        return found.split(separator)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self.resolve(part) for part in argument[:3])
        return self.resolve(self._template.body["Mappings"][name][first][second])

    def _base64(self, argument: Any) -> Any:
        found = self.resolve(argument)
        if isinstance(found, str):
            return base64.b64encode(found.encode()).decode()
        if isinstance(found, Unknown):
            text = base64.b64encode(found.text.encode()).decode()
            return self._unknown("Fn::Base64", argument, text)
        return self._unknown("Fn::Base64", argument)

    def _import_value(self, argument: Any) -> Any:
        name = self.resolve(argument)
        found = self._templates.export(name) if isinstance(name, str) else ABSENT
        if found is ABSENT:
            return self._unknown("Fn::ImportValue", name if isinstance(name, str) else argument)
        return found

    def _get_stack_output(self, argument: Any) -> Any:
        stack, region = self.resolve(argument["StackName"]), self.resolve(argument.get("Region"))
        found = self._templates.output(
            str(stack), region if isinstance(region, str) else None, argument["OutputName"]
        )
        return self._unknown("Fn::GetStackOutput", argument) if found is ABSENT else found


def _decide(function: str, parts: list[bool | None]) -> bool | None:
    if function == "Fn::Not":
        return None if parts[0] is None else not parts[0]
    decisive = {"Fn::And": False, "Fn::Or": True}.get(function)
    if decisive is None:
        return None
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


_FUNCTIONS: Mapping[str, Callable[[Scope, Any], Any]] = {
    "Ref": Scope._ref,
    "Fn::GetAtt": Scope._get_att,
    "Fn::Join": Scope._join,
    "Fn::Sub": Scope._sub,
    "Fn::If": Scope._if,
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::FindInMap": Scope._find_in_map,
    "Fn::Base64": Scope._base64,
    "Fn::ImportValue": Scope._import_value,
    "Fn::GetStackOutput": Scope._get_stack_output,
}
