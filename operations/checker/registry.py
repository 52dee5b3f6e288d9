"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from operations.checker.deployment import Deployment
from operations.checker.resolving import Resource
from operations.checker.views.node_groups import NodeGroup

Severity = Literal["F", "H", "S", "V"]

SEVERITIES: dict[Severity, str] = {
    "F": "does not deploy or start",
    "H": "hangs, or is slow without a word",
    "S": "security or cost",
    "V": "versions that do not fit",
}


@dataclass(frozen=True)
class Found:
    """One place where a rule does not hold: the value there, and what would be right."""

    resource: Resource
    value: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule, what happens in the field without it, and where that is established."""

    id: str
    severity: Severity
    title: str
    without: str
    sources: tuple[str, ...]
    judge: Callable[[Deployment], Iterator[Found]]


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """What `check` reports: the template's name, the resource's logical ID, the rule's id."""

    template: str
    logical_id: str
    rule: str
    value: str
    remedy: str


_Subject = TypeVar("_Subject")
_Judge = Callable[[_Subject, Deployment], Iterator[Found]]


def node_groups(deployment: Deployment) -> Iterable[NodeGroup]:
    return deployment.node_groups


def rule(
    id: str,
    severity: Severity,
    each: Callable[[Deployment], Iterable[_Subject]] = node_groups,  # type: ignore[assignment]
    *,
    title: str,
    without: str,
    sources: Iterable[str],
) -> Callable[[_Judge[_Subject]], Rule]:
    """Make a rule of a function, which judges each of the subjects that `each` gives."""

    def made_of(judge: _Judge[_Subject]) -> Rule:
        def judge_all(deployment: Deployment) -> Iterator[Found]:
            for subject in each(deployment):
                yield from judge(subject, deployment)

        return Rule(
            id=id,
            severity=severity,
            title=title,
            without=without,
            sources=tuple(sources),
            judge=judge_all,
        )

    return made_of
