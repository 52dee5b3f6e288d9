"""Node images: the right kind, pinned, with a driver that the containers' runtime accepts."""

import re
from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.values import integer, string
from operations.checker.views.node_groups import NodeGroup
from workloads.hardware import Instance
from workloads.versions import VERSIONS

_CREATE = "https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html"
_NEURON_RUNTIME = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/release-notes/components/runtime.html"
)


@rule(
    "image-has-driver",
    "V",
    title="The node image has the driver of the type's accelerator, and no other's",
    without="The node joins without its devices: the plugin starts over and over, and pods that "
    "ask for a device stay pending.",
    sources=[
        "https://docs.aws.amazon.com/eks/latest/userguide/device-management-neuron.html",
        "https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2060",
    ],
)
def image_has_driver(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    given = group.ami_type
    if given is None or given == "CUSTOM" or given.startswith("WINDOWS"):
        return
    for hardware in group.hardware:
        right = _image_kind(hardware)
        if (not given and hardware.chip) or (given and not _fits(given, hardware)):
            yield Found(
                group.resource,
                f"AmiType is {given or 'not given'}, and the type is {hardware.name}",
                f"set it to {right}",
            )


@rule(
    "image-pinned",
    "V",
    title="The node image is pinned to one release",
    without="Every creation and every upgrade takes the newest image of the day, with another "
    "driver than the one the containers were chosen for.",
    sources=[_CREATE, "https://github.com/awslabs/amazon-eks-ami/blob/main/CHANGELOG.md"],
)
def image_pinned(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    image = string(group.data.get("ImageId"))
    if image is not None and _moves(image):
        yield Found(
            group.boot,
            f"ImageId is {image}",
            "name the image's ID, or a version of the parameter ({{resolve:ssm:NAME:VERSION}})",
        )
    chosen_by_eks = group.ami_type not in (None, "CUSTOM")
    if chosen_by_eks and "ReleaseVersion" not in group.resource.properties:
        version = deployment.kubernetes.version(group.cluster)
        if version is None or version not in VERSIONS.kubernetes:
            version = max(VERSIONS.kubernetes)
        yield Found(
            group.resource,
            "ReleaseVersion is not given",
            f"set it to a release of EKS's images, such as {VERSIONS.standard_release(version)}",
        )


@rule(
    "release-of-cluster",
    "F",
    title="The pinned release is one of the group's Kubernetes version",
    without="EKS refuses the node group: the release is not one of the version.",
    sources=[_CREATE],
)
def release_of_cluster(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    release = _release(group)
    version = string(group.resource.properties.get("Version"))
    version = version or deployment.kubernetes.version(group.cluster)
    if release and version and ".".join(release.split(".")[:2]) != version:
        yield Found(
            group.resource,
            f"ReleaseVersion is {release}, and Kubernetes is {version}",
            f"pin a release that begins with {version}",
        )


@rule(
    "driver-runs-runtime",
    "V",
    title="The driver of the pinned image runs the runtime of the family's pinned stack",
    without="nrt_init() fails in every container: driver 2.29 and newer refuses runtimes before "
    "2.33, and runtime 2.32 and newer refuses drivers before 2.27.",
    sources=[_NEURON_RUNTIME, "https://github.com/awslabs/amazon-eks-ami/blob/main/CHANGELOG.md"],
)
def driver_runs_runtime(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    if any(pod.sdk for pod in deployment.kubernetes.pods_on(group)):
        return  # driver-runs-image judges what really runs there
    release = _release(group)
    driver = driver_of(release) if release else None
    for hardware in group.hardware:
        stack = VERSIONS.neuron.get(hardware.family)
        if driver and stack and not stack.runs_on(driver):
            fitting = {
                ami.release
                for amis in VERSIONS.kubernetes.values()
                for ami in amis
                if stack.runs_on(ami.driver)
            }
            yield Found(
                group.resource,
                f"ReleaseVersion {release} has driver {driver}; the SDK pinned for "
                f"{hardware.family} is {stack.sdk}, with runtime {stack.runtime}",
                f"pin one of {', '.join(sorted(fitting))}",
            )


@rule(
    "family-has-stack",
    "V",
    title="The family has a Neuron SDK that is still supported",
    without="No driver of today's images runs it: Inf1 ended with SDK 2.26.",
    sources=[
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/environments/dlami.html"
    ],
)
def family_has_stack(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for hardware in group.hardware:
        if group.grouped and hardware.neuron and hardware.family not in VERSIONS.neuron:
            yield Found(
                group.resource,
                f"the type is {hardware.name}",
                f"take one of {', '.join(VERSIONS.neuron)}",
            )


def driver_of(release: str) -> str | None:
    """The Neuron driver in a release of EKS's images; None: the table does not have it.

    A date's images have one driver, whichever Kubernetes version they are for.
    """
    date = release.partition("-")[2]
    for amis in VERSIONS.kubernetes.values():
        for ami in amis:
            if ami.release.partition("-")[2] == date:
                return ami.driver
    return None


def _release(group: NodeGroup) -> str | None:
    if not group.managed or group.own_image:
        return None
    release = string(group.resource.properties.get("ReleaseVersion"))
    return release if release and re.fullmatch(r"\d+\.\d+\.\d+-\d{8}", release) else None


def _image_kind(hardware: Instance) -> str:
    if hardware.neuron:
        return "AL2023_x86_64_NEURON"
    return "AL2023_x86_64_NVIDIA" if hardware.nvidia else "AL2023_x86_64_STANDARD"


def _fits(ami_type: str, hardware: Instance) -> bool:
    """Whether an image of EKS has the driver. Bottlerocket has Neuron's in its plain image, and
    every type of the hardware table is an x86 one.
    """
    if "ARM_64" in ami_type or ami_type.endswith("_GPU"):
        return False
    if hardware.neuron:
        return ami_type.endswith("_NEURON") or ami_type.startswith("BOTTLEROCKET_x86_64")
    return ("NVIDIA" in ami_type) == hardware.nvidia and not ami_type.endswith("_NEURON")


def _moves(image: str) -> bool:
    """Whether an image is looked up at deployment, and another one later."""
    if not image.startswith(("resolve:ssm:", "{{resolve:ssm:")):
        return False
    name, _, version = image.strip("{}").removeprefix("resolve:ssm:").partition(":")
    return integer(version) is None and ("recommended" in name or "latest" in name)
