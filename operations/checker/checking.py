"""Judging templates by every rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from operations.checker.deployment import Deployment
from operations.checker.registry import Finding
from operations.checker.resolving import Template
from operations.checker.rules import RULES


def check(templates: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Judge templates that are deployed together, by the names of their stacks.

    A name is how Fn::GetStackOutput of another template refers to the stack, and what a finding
    calls it. What a template does not decide is no finding.
    """
    return judge([Template(name=name, body=body, stack=name) for name, body in templates.items()])


def judge(templates: Sequence[Template]) -> list[Finding]:
    """Judge templates that are deployed together; findings stand in the order of the templates."""
    deployment = Deployment(templates)
    order = {template.name: place for place, template in enumerate(templates)}
    found = {
        Finding(
            template=problem.resource.template,
            logical_id=problem.resource.logical_id,
            rule=rule.id,
            value=problem.value,
            remedy=problem.remedy,
        )
        for rule in RULES.values()
        for problem in rule.judge(deployment)
    }
    return sorted(found, key=lambda finding: (order[finding.template], finding))
