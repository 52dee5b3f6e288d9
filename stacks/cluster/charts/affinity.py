"""On which nodes the pods of a chart may run."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict


class _Expression(TypedDict):
    key: str
    operator: str
    values: NotRequired[list[str]]


class _Term(TypedDict):
    matchExpressions: list[_Expression]


class _Terms(TypedDict):
    nodeSelectorTerms: list[_Term]


class _NodeAffinity(TypedDict):
    requiredDuringSchedulingIgnoredDuringExecution: _Terms


class Affinity(TypedDict):
    """Kubernetes' own form of it, as the values of charts take it."""

    nodeAffinity: _NodeAffinity


def on(label: str, values: Sequence[str] = ()) -> Affinity:
    """Nodes whose label has one of the values, or any."""
    expression: _Expression = {"key": label, "operator": "Exists"}
    if values:
        expression = {"key": label, "operator": "In", "values": list(values)}
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [expression]}]
            }
        }
    }
