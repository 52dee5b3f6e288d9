"""What templates put into Kubernetes clusters: charts, objects, and the pods in them."""

import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from operations.checker.resolving import Resource, Templates
from operations.checker.values import identity, integer, listing, mapping, partly, string
from operations.checker.views.node_groups import NodeGroup
from workloads.hardware import INSTANCES, Instance

CLUSTERS = ("AWS::EKS::Cluster", "Custom::AWSCDK-EKS-Cluster")
CHART = "Custom::AWSCDK-EKS-HelmChart"
MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
ADDON = "AWS::EKS::Addon"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
NEURON, NEURON_CORE = "aws.amazon.com/neuron", "aws.amazon.com/neuroncore"
EFA = "vpc.amazonaws.com/efa"
_WELL_KNOWN = ("kubernetes.io/", "k8s.io/", "karpenter.sh/", "eks.amazonaws.com/")


@dataclass(frozen=True)
class Chart:
    """A Helm release; `values` are those it is installed with, beside the chart's own."""

    resource: Resource
    cluster: Hashable
    name: str
    values: Mapping[str, Any]

    @property
    def images(self) -> Iterator[tuple[str, str]]:
        """Name and version of each image that the values pin, of parts that are not disabled."""
        yield from _images(self.values)

    def enabled(self, *path: str) -> bool | None:
        """The `enabled` of one of the chart's parts; None: it is left to the chart."""
        table = self.values
        for key in path:
            table = mapping(table.get(key))
        given = table.get("enabled")
        return given if isinstance(given, bool) else None


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of one, anywhere inside of a Kubernetes object."""

    resource: Resource
    cluster: Hashable
    kind: str  # the object's
    name: str
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        every = listing(self.spec.get("initContainers")) + listing(self.spec.get("containers"))
        return [container for container in every if isinstance(container, dict)]

    @property
    def images(self) -> list[str]:
        return [str(container.get("image", "")) for container in self.containers]

    @cached_property
    def variables(self) -> dict[str, str | None]:
        """The environment; None for a value that comes from elsewhere."""
        return {
            str(entry.get("name")): None if "value" not in entry else str(entry["value"])
            for container in self.containers
            for entry in map(mapping, listing(container.get("env")))
        }

    @cached_property
    def requests(self) -> dict[str, str]:
        """Resource -> quantity, of the containers together where they are numbers."""
        totals: dict[str, str] = {}
        for container in self.containers:
            resources = mapping(container.get("resources"))
            asked = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
            for name, quantity in asked.items():
                before, more = integer(totals.get(name)), integer(quantity)
                both = before is not None and more is not None
                totals[name] = str(before + more if both else quantity)  # type: ignore[operator]
        return totals

    def count(self, resource: str) -> int:
        return integer(self.requests.get(resource)) or 0

    @property
    def sdk(self) -> str | None:
        """The Neuron SDK that an image's tag names."""
        found = re.search(r"-sdk(\d+\.\d+(?:\.\d+)*)", " ".join(self.images))
        return found[1] if found else None

    @property
    def shared_memory(self) -> bool:
        """Whether /dev/shm is memory of the pod's own, or the node's."""
        if self.spec.get("hostIPC") is True:
            return True
        large = {
            mapping(volume).get("name")
            for volume in listing(self.spec.get("volumes"))
            if mapping(mapping(volume).get("emptyDir")).get("medium") == "Memory"
            or "hostPath" in mapping(volume)
        }
        return any(
            mapping(mount).get("mountPath") == "/dev/shm" and mapping(mount).get("name") in large
            for container in self.containers
            for mount in listing(container.get("volumeMounts"))
        )


class Kubernetes:
    """The charts and pods of the templates, and the nodes that pods can land on."""

    def __init__(self, templates: Templates, node_groups: Sequence[NodeGroup]) -> None:
        self._templates = templates
        self._node_groups = node_groups

    @cached_property
    def charts(self) -> Sequence[Chart]:
        return [
            Chart(
                resource,
                identity(resource.properties.get("ClusterName")),
                f"{partly(resource.properties.get('Repository', ''))} "
                f"{partly(resource.properties.get('Chart', ''))}",
                mapping(_parsed(resource.properties.get("Values"))),
            )
            for resource in self._templates.every(CHART)
        ]

    @cached_property
    def pods(self) -> Sequence[Pod]:
        return [
            Pod(
                resource,
                identity(resource.properties.get("ClusterName")),
                str(mapping(body).get("kind")),
                str(mapping(mapping(body).get("metadata")).get("name")),
                spec,
            )
            for resource in self._templates.every(MANIFEST)
            for body in listing(_parsed(resource.properties.get("Manifest")))
            for spec in _pod_specs(body)
        ]

    def version(self, cluster: Hashable) -> str | None:
        """The Kubernetes version of a cluster: its own, or a node group's of it."""
        for resource in self._templates.every(*CLUSTERS):
            if (resource.template, resource.logical_id) == cluster:
                own = resource.properties
                found = string(own.get("Version", mapping(own.get("Config")).get("version")))
                if found:
                    return found
        versions = {group.resource.properties.get("Version") for group in self.groups(cluster)}
        known = [version for version in versions if isinstance(version, str)]
        return known[0] if len(known) == 1 else None

    def groups(self, cluster: Hashable) -> list[NodeGroup]:
        """The node groups that belong to a cluster."""
        return [group for group in self._node_groups if cluster and group.cluster == cluster]

    def plugins(self, cluster: Hashable) -> list[Resource]:
        """What installs the Neuron device plugin in a cluster."""
        return [
            *(
                chart.resource
                for chart in self._neuron_charts(cluster)
                if chart.enabled("devicePlugin") is True
                or (
                    chart.enabled("devicePlugin") is None
                    and not chart.enabled("draDriver")  # it may take the plugin's place
                )
            ),
            *self._running(cluster, "neuron-device-plugin"),
        ]

    def dra_drivers(self, cluster: Hashable) -> list[Resource]:
        """What installs Neuron's driver for dynamic resource allocation in a cluster."""
        return [
            *(c.resource for c in self._neuron_charts(cluster) if c.enabled("draDriver")),
            *self._running(cluster, "neuron-dra-driver"),
        ]

    def monitors(self, cluster: Hashable) -> list[Resource]:
        """What installs neuron-monitor in a cluster; CloudWatch's chart does unless told not to."""
        return [
            *(
                chart.resource
                for chart in self.charts
                if chart.cluster == cluster
                and "amazon-cloudwatch-observability" in chart.name
                and chart.enabled("neuronMonitor") is not False
            ),
            *self._running(cluster, "neuron/neuron-monitor"),
        ]

    @property
    def clusters(self) -> list[Hashable]:
        """Each cluster that a chart or an object names, once."""
        named = [chart.cluster for chart in self.charts] + [pod.cluster for pod in self.pods]
        return list(dict.fromkeys(cluster for cluster in named if cluster is not None))

    def nodes_of(self, pod: Pod) -> list[NodeGroup]:
        """The node groups that a pod's selector admits, as far as their labels tell."""
        selector = mapping(pod.spec.get("nodeSelector"))
        wanted = {
            key: value
            for key, value in selector.items()
            if not any(part in key for part in _WELL_KNOWN)
        }
        kind = selector.get(INSTANCE_TYPE)
        return [
            group
            for group in self.groups(pod.cluster)
            if wanted.items() <= mapping(group.resource.properties.get("Labels")).items()
            and (kind is None or kind in group.types)
        ]

    def pods_on(self, group: NodeGroup) -> list[Pod]:
        """The pods that may land on a node group, as far as selectors and labels tell."""
        return [pod for pod in self.pods if group in self.nodes_of(pod)]

    def hardware_of(self, pod: Pod) -> list[Instance]:
        """The instance types that a pod can land on, as far as they are known."""
        kind = mapping(pod.spec.get("nodeSelector")).get(INSTANCE_TYPE)
        if isinstance(kind, str):
            return [INSTANCES[kind]] if kind in INSTANCES else []
        found = {h.name: h for group in self.nodes_of(pod) for h in group.hardware}
        return list(found.values())

    def _neuron_charts(self, cluster: Hashable) -> list[Chart]:
        return [c for c in self.charts if c.cluster == cluster and "neuron-helm-chart" in c.name]

    def _running(self, cluster: Hashable, image: str) -> list[Resource]:
        return [
            pod.resource
            for pod in self.pods
            if pod.cluster == cluster
            and pod.kind == "DaemonSet"
            and any(image in name for name in pod.images)
        ]


def _parsed(value: object) -> Any:
    """An object that stands in a template as text, as the CDK writes it, or as it is."""
    if isinstance(value, dict | list):
        return value
    try:
        return json.loads(partly(value))
    except ValueError:
        return None


def _pod_specs(body: object) -> Iterator[Mapping[str, Any]]:
    """Everything inside of an object that has containers, which is a pod's specification."""
    if isinstance(body, dict):
        if isinstance(body.get("containers"), list):
            yield body
            return
        for value in body.values():
            yield from _pod_specs(value)
    elif isinstance(body, list):
        for value in body:
            yield from _pod_specs(value)


def _images(values: object) -> Iterator[tuple[str, str]]:
    if not isinstance(values, dict) or values.get("enabled") is False:
        return
    tagged = re.match(r"v?(\d+(?:\.\d+)+)", str(values.get("tag", "")))
    if tagged and isinstance(values.get("repository"), str):
        yield values["repository"].rpartition("/")[2], tagged[1]
    for value in values.values():
        yield from _images(value)
