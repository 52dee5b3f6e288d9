"""Values of the charts of Kueue, which starts jobs, and JobSet, which is one kind of them.

Keys: kubernetes-sigs/kueue, charts/kueue/values.yaml and apis/config/v1beta2, 0.19;
kubernetes-sigs/jobset, charts/jobset/values.yaml, 0.12.0.
"""

import json
from typing import NotRequired, TypedDict

from stacks.shared.kubernetes import NAMESPACE, NEURON, NEURON_DEVICE_CLASS, SYSTEM_NODES


class _Pods(TypedDict):
    nodeSelector: dict[str, str]


class JobSet(TypedDict):
    """What is set of JobSet's chart."""

    controller: _Pods


class _ManagerConfig(TypedDict):
    controllerManagerConfigYaml: str


class Kueue(TypedDict):
    """What is set of Kueue's chart."""

    controllerManager: _Pods
    managerConfig: _ManagerConfig


class _LeaderElection(TypedDict):
    leaderElect: bool
    resourceName: str


class _Selector(TypedDict):
    matchLabels: dict[str, str]


class _Requeuing(TypedDict):
    timestamp: str
    backoffLimitCount: int
    backoffBaseSeconds: int
    backoffMaxSeconds: int


class _WaitForPodsReady(TypedDict):
    timeout: str
    recoveryTimeout: str
    blockAdmission: bool
    requeuingStrategy: _Requeuing


class _Integrations(TypedDict):
    frameworks: list[str]


class _DeviceClassMapping(TypedDict):
    name: str
    deviceClassNames: list[str]


class _Resources(TypedDict):
    excludeResourcePrefixes: list[str]
    deviceClassMappings: NotRequired[list[_DeviceClassMapping]]


class Configuration(TypedDict):
    """The manager's own configuration, which the chart takes as text."""

    apiVersion: str
    kind: str
    health: dict[str, str]
    metrics: dict[str, str]
    webhook: dict[str, int]
    leaderElection: _LeaderElection
    manageJobsWithoutQueueName: bool
    managedJobsNamespaceSelector: _Selector
    waitForPodsReady: _WaitForPodsReady
    integrations: _Integrations
    resources: _Resources


def jobset() -> JobSet:
    return {"controller": {"nodeSelector": SYSTEM_NODES}}


def kueue(allocator: str) -> Kueue:
    return {
        "controllerManager": {"nodeSelector": SYSTEM_NODES},
        "managerConfig": {"controllerManagerConfigYaml": json.dumps(configuration(allocator))},
    }


def configuration(allocator: str) -> Configuration:
    """How Kueue manages jobs: all of the namespace's, each as a whole or not at all."""
    resources: _Resources = {"excludeResourcePrefixes": ["ephemeral-storage"]}
    if allocator == "dra":
        # A queue's quota counts devices by one name, whoever hands them out.
        resources["deviceClassMappings"] = [
            {"name": NEURON, "deviceClassNames": [NEURON_DEVICE_CLASS]}
        ]
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        # The first four are the chart's own, which text replaces as a whole.
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443"},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        # A job without a queue would go round the quota, and take a part of a gang's nodes.
        "manageJobsWithoutQueueName": True,
        "managedJobsNamespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        # A gang whose pods do not all start gives its place back. Half an hour: a node from zero
        # and an image of 20 GB come first.
        "waitForPodsReady": {
            "timeout": "30m",
            "recoveryTimeout": "15m",
            "blockAdmission": False,
            "requeuingStrategy": {
                "timestamp": "Creation",  # it keeps its place in the queue
                "backoffLimitCount": 5,
                "backoffBaseSeconds": 60,
                "backoffMaxSeconds": 1800,
            },
        },
        "integrations": {"frameworks": ["batch/job", "jobset.x-k8s.io/jobset"]},
        "resources": resources,
    }
