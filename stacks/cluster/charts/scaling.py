"""Values of KEDA's chart: what lets the replicas of a served model follow its queue.

Keys: kedacore/charts, keda/values.yaml, 2.20.2.
"""

from typing import TypedDict

from stacks.shared.kubernetes import SYSTEM_NODES


class _Image(TypedDict):
    registry: str


class _Images(TypedDict):
    keda: _Image
    metricsApiServer: _Image
    webhooks: _Image
    pullPolicy: str


class _Pods(TypedDict):
    nodeSelector: dict[str, str]


class _Restrictions(TypedDict):
    secret: bool


class _Permission(TypedDict):
    restrict: _Restrictions


class _Permissions(TypedDict):
    operator: _Permission
    metricServer: _Permission


class Keda(TypedDict):
    """What is set of KEDA's chart."""

    image: _Images
    permissions: _Permissions
    operator: _Pods
    metricsServer: _Pods
    webhooks: _Pods


def values() -> Keda:
    """The operator, its metrics API and its webhook, on the system nodes.

    They watch every namespace: held to the workloads', the chart would bind roles in it before it
    exists.
    """
    # The repositories are whole: the chart would put ghcr.io before them.
    whole: _Image = {"registry": ""}
    # The trigger of a served model is a page of its pods, which takes no secret.
    none: _Permission = {"restrict": {"secret": True}}
    pods: _Pods = {"nodeSelector": SYSTEM_NODES}
    return {
        "image": {
            "keda": whole,
            "metricsApiServer": whole,
            "webhooks": whole,
            "pullPolicy": "IfNotPresent",  # a version's image is pulled once; the chart says Always
        },
        "permissions": {"operator": none, "metricServer": none},
        "operator": pods,
        "metricsServer": pods,
        "webhooks": pods,
    }
