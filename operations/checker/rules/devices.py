"""What hands devices to pods in a cluster, and what keeps the nodes that have them."""

import re
from collections.abc import Hashable, Iterable, Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.values import integer, listing, mapping, string
from operations.checker.views.kubernetes import ADDON, EFA, NEURON, NEURON_CORE, Pod
from operations.checker.views.node_groups import PCS, NodeGroup
from workloads.version_rules import broken, numbers

_DEVICES = "https://docs.aws.amazon.com/eks/latest/userguide/device-management-neuron.html"
_DRA = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/eks/dra.html"
_TEMPLATE = "k8s.io/cluster-autoscaler/node-template/resources/"
_CDK_PLUGIN = "790709498068.dkr.ecr"  # the registry of the image that the CDK applies


def clusters(deployment: Deployment) -> Iterable[Hashable]:
    return deployment.kubernetes.clusters


def pods(deployment: Deployment) -> Iterable[Pod]:
    return deployment.kubernetes.pods


@rule(
    "one-allocator",
    "H",
    clusters,
    title="A cluster has the Neuron device plugin or the DRA driver, never both",
    without="Both hand out the same devices: two pods get one, and one of them fails.",
    sources=[
        _DEVICES,
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/plugins.html",
    ],
)
def one_allocator(cluster: Hashable, deployment: Deployment) -> Iterator[Found]:
    plugins = deployment.kubernetes.plugins(cluster)
    if plugins:
        names = ", ".join(sorted({plugin.logical_id for plugin in plugins}))
        for driver in deployment.kubernetes.dra_drivers(cluster):
            yield Found(
                driver,
                f"the DRA driver is installed, and {names} installs the device plugin",
                "choose one for the cluster; in Neuron's chart, set devicePlugin.enabled and "
                "draDriver.enabled to opposite values",
            )


@rule(
    "dra-needs-1.34",
    "V",
    clusters,
    title="The Neuron DRA driver runs on Kubernetes 1.34 and newer",
    without="The driver publishes to an API that the cluster does not serve; pods with claims "
    "stay pending.",
    sources=[_DEVICES, _DRA],
)
def dra_needs_134(cluster: Hashable, deployment: Deployment) -> Iterator[Found]:
    version = deployment.kubernetes.version(cluster)
    if version and re.fullmatch(r"\d+\.\d+", version) and numbers(version) < (1, 34):
        for driver in deployment.kubernetes.dra_drivers(cluster):
            yield Found(
                driver,
                f"the DRA driver is installed, and Kubernetes is {version}",
                "upgrade the cluster, or install the device plugin instead",
            )


@rule(
    "charts-fit-cluster",
    "V",
    clusters,
    title="The charts' images fit the cluster's Kubernetes version and its nodes",
    without="An autoscaler or scheduler of another version misjudges pods; an older EFA plugin "
    "does not see the interfaces of newer types, and pods that ask for them stay pending.",
    sources=[
        "https://kubernetes.io/releases/version-skew-policy/",
        "https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/README.md",
        "https://github.com/aws/eks-charts/blob/master/stable/aws-efa-k8s-device-plugin/values.yaml",
    ],
)
def charts_fit_cluster(cluster: Hashable, deployment: Deployment) -> Iterator[Found]:
    version = deployment.kubernetes.version(cluster)
    facts = {"kubernetes": version} if version and re.fullmatch(r"\d+\.\d+", version) else {}
    groups = deployment.kubernetes.groups(cluster)
    families = {hardware.family for group in groups for hardware in group.hardware}
    for chart in deployment.kubernetes.charts:
        if chart.cluster != cluster:
            continue
        for name, image in chart.images:
            for family in sorted(families) or [""]:
                known = {**facts, name: image} | ({"family": family} if family else {})
                for limit in broken(known):
                    if name in limit.names and name != "neuron-dra-driver":  # dra-needs-1.34
                        have, _, needs = limit.sentence(known).partition(": ")
                        yield Found(chart.resource, have, f"pin another version: {needs}")


@rule(
    "monitor-needs-plugin",
    "H",
    clusters,
    title="neuron-monitor runs beside the device plugin, not beside the DRA driver",
    without="It starts over and over, and there are no metrics of the devices.",
    sources=[
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/"
        "monitoring.html"
    ],
)
def monitor_needs_plugin(cluster: Hashable, deployment: Deployment) -> Iterator[Found]:
    if deployment.kubernetes.dra_drivers(cluster):
        for monitor in deployment.kubernetes.monitors(cluster):
            yield Found(
                monitor,
                "neuron-monitor is installed, and devices are handed out by the DRA driver",
                "leave it out, or install the device plugin instead of the driver",
            )


@rule(
    "cdk-device-plugin",
    "H",
    pods,
    title="The device plugin is not the one that the CDK applies by itself",
    without="add_nodegroup_capacity of the CDK applies an old image for Inferentia node "
    "groups: it collides with Neuron's chart, and does not run on Trainium.",
    sources=[
        "https://github.com/aws/aws-cdk/issues/29262",
        "https://github.com/aws/aws-cdk/issues/29131",
    ],
)
def cdk_device_plugin(pod: Pod, _: Deployment) -> Iterator[Found]:
    for image in pod.images:
        if image.startswith(_CDK_PLUGIN) and "neuron-device-plugin" in image:
            yield Found(
                pod.resource,
                f"{pod.kind} {pod.name} runs {image}",
                "make the node group with CfnNodegroup, and install Neuron's chart",
            )


@rule(
    "repaired-once",
    "H",
    clusters,
    title="EKS repairs nodes, or Neuron's node recovery does, not both",
    without="Two controllers cordon, reboot and replace the same node against each other.",
    sources=[
        "https://docs.aws.amazon.com/eks/latest/userguide/node-repair.html",
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/"
        "problem-detector.html",
    ],
)
def repaired_once(cluster: Hashable, deployment: Deployment) -> Iterator[Found]:
    repaired = [
        group.resource.logical_id
        for group in deployment.kubernetes.groups(cluster)
        if mapping(group.resource.properties.get("NodeRepairConfig")).get("Enabled") is True
        and any(hardware.neuron for hardware in group.hardware)
    ]
    for chart in deployment.kubernetes.charts:
        if chart.cluster == cluster and repaired and chart.enabled("npd", "nodeRecovery"):
            yield Found(
                chart.resource,
                f"npd.nodeRecovery is enabled, and EKS repairs the nodes of {', '.join(repaired)}",
                "leave npd.nodeRecovery.enabled false; the detector then only reports",
            )


@rule(
    "neuron-taint",
    "S",
    title="Nodes with Neuron devices are tainted",
    without="Pods that need no device fill the dearest nodes, and keep them from scaling in.",
    sources=[
        "https://docs.aws.amazon.com/eks/latest/userguide/node-taints-managed-node-groups.html",
    ],
)
def neuron_taint(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if not group.managed or not any(hardware.neuron for hardware in group.hardware):
        return
    taints = group.resource.properties.get("Taints", [])
    effects = {mapping(taint).get("Effect") for taint in listing(taints)}
    if isinstance(taints, list) and not effects & {"NO_SCHEDULE", "NO_EXECUTE"}:
        yield Found(
            group.resource,
            "Taints has none of effect NO_SCHEDULE",
            f"add one with the key {NEURON}, which the device plugins tolerate",
        )


@rule(
    "empty-group-resources",
    "H",
    title="A group at zero tells the cluster autoscaler which devices a node of it would have",
    without="The autoscaler knows CPUs, memory and GPUs of a type, not Neuron devices nor EFAs: a "
    "pod that asks for them waits for ever while the group stays at zero.",
    sources=[
        "https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/"
        "aws/README.md",
        "https://docs.aws.amazon.com/eks/latest/eksctl/autoscaling.html",
    ],
)
def empty_group_resources(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    tags = _tags(group)
    if not group.grouped or group.least != 0 or tags is None:
        return
    kubernetes = deployment.kubernetes
    installed = any(
        chart.cluster == group.cluster and "cluster-autoscaler" in chart.name
        for chart in kubernetes.charts
    )
    if not installed and not any(key.startswith("k8s.io/cluster-autoscaler/") for key in tags):
        return
    lnc = integer(group.user_data.logical_cores) if group.user_data else None
    for hardware in group.hardware:
        own = lnc if hardware.chip and hardware.chip.lnc and lnc in (1, 2) else None
        for name, count in hardware.kubernetes_resources(own, efa=group.efa).items():
            by_claim = name in (NEURON, NEURON_CORE) and kubernetes.dra_drivers(group.cluster)
            if name not in (NEURON, NEURON_CORE, EFA) or by_claim:
                continue
            given = tags.get(_TEMPLATE + name)
            if given is None or (isinstance(given, str) and given != str(count)):
                yield Found(
                    group.resource,
                    f"the tag {_TEMPLATE}{name} is {given or 'not given'}",
                    f"set it to {count}, which {hardware.name} has",
                )


@rule(
    "efa-only-cni",
    "H",
    title="efa-only interfaces need VPC CNI 1.18.5 or newer",
    without="The plugin takes the interfaces for its own and fails to give pods addresses.",
    sources=[
        "https://github.com/aws/amazon-vpc-cni-k8s/releases/tag/v1.18.5",
        "https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
    ],
)
def efa_only_cni(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    if not any(interface.kind == "efa-only" for interface in group.interfaces):
        return
    for addon in deployment.templates.every(ADDON):
        given = string(addon.properties.get("AddonVersion"))
        version = re.match(r"v(\d+\.\d+\.\d+)", given or "")
        old = version is not None and numbers(version[1]) < (1, 18, 5)
        if old and addon.properties.get("AddonName") == "vpc-cni":
            yield Found(
                addon,
                f"AddonVersion is {given}, and {group.boot.logical_id} has efa-only interfaces",
                "set it to v1.18.5 or newer",
            )


@rule(
    "efa-only-pcs",
    "H",
    title="Node groups of AWS PCS have efa interfaces, not efa-only ones",
    without="PCS does not hand the interfaces on, and jobs run over TCP.",
    sources=[
        "https://github.com/awslabs/awsome-distributed-ai/blob/main/architectures/aws-pcs/assets/"
        "add-cng-p6-b200.yaml"
    ],
)
def efa_only_pcs(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for interface in group.interfaces:
        if group.resource.kind == PCS and interface.kind == "efa-only":
            yield Found(group.boot, f"{interface.path('InterfaceType')} is efa-only", "make it efa")


def _tags(group: NodeGroup) -> dict[str, object] | None:
    """The group's tags; None: they are not known."""
    given = group.resource.properties.get("Tags", {})
    if isinstance(given, dict):
        return dict(given)
    if isinstance(given, list):
        return {str(mapping(tag).get("Key")): mapping(tag).get("Value") for tag in given}
    return None
