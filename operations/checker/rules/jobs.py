"""What pods ask for and what they are told: devices, memory, environment."""

from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.rules.devices import pods
from operations.checker.rules.image import driver_of
from operations.checker.values import known, string
from operations.checker.views.kubernetes import EFA, NEURON, NEURON_CORE, Pod
from workloads.hardware import Instance
from workloads.version_rules import broken, numbers

_SCHEDULER = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/infrastructure/scheduler.html"
)
_TROUBLE = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/nrt-troubleshoot.html"
)
_DRA = "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/eks/dra.html"
_TORUS = (1, 4, 8, 16)
_LONGEST_NAME = 63  # characters of a host name that the runtime resolves


@rule(
    "device-count",
    "H",
    pods,
    title="A pod asks for 1, 4, 8 or 16 devices of a Trn1 node",
    without='The scheduler extension leaves the pod pending: "does not support requests for '
    'device"; without the extension, devices that are not neighbours hang at the first collective.',
    sources=[_SCHEDULER],
)
def device_count(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    asked, nodes = pod.count(NEURON), _neuron_types(pod, deployment)
    tori = [hardware for hardware in nodes if hardware.family in ("trn1", "trn1n")]
    if asked and asked not in _TORUS and tori and tori == nodes:
        yield Found(
            pod.resource,
            f"{pod.kind} {pod.name} asks for {asked} of {NEURON} on {tori[0].name}",
            "ask for 1, 4, 8 or 16; Inferentia2 takes any number",
        )


@rule(
    "part-of-a-node",
    "H",
    pods,
    title="A pod that asks for several devices, not all of a node, uses Neuron's scheduler",
    without="The plain scheduler gives devices that are not connected: collectives within the pod "
    "fail or crawl.",
    sources=[_SCHEDULER],
)
def part_of_a_node(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    if string(pod.spec.get("schedulerName")) not in (None, "default-scheduler"):
        return
    extended = any(
        chart.cluster == pod.cluster and chart.enabled("scheduler", "defaultScheduler")
        for chart in deployment.kubernetes.charts
    )
    for name in (NEURON, NEURON_CORE):
        nodes = [(h, h.kubernetes_resources()[name]) for h in _neuron_types(pod, deployment)]
        part = all(1 < pod.count(name) < whole for _, whole in nodes)
        if nodes and part and not extended:
            hardware, whole = nodes[0]
            yield Found(
                pod.resource,
                f"{pod.kind} {pod.name} asks for {pod.count(name)} of {whole} {name} of "
                f"{hardware.name}, and names no scheduler",
                "install the scheduler of Neuron's chart and name it in schedulerName, or ask for "
                "one or all",
            )


@rule(
    "shared-memory",
    "H",
    pods,
    title="A pod that uses EFA, or all devices of a node, has memory at /dev/shm",
    without="The runtime's default of 64 MiB is full at once: the job ends with a bus error, or "
    "hangs.",
    sources=[_DRA],
)
def shared_memory(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    asked = pod.count(NEURON)
    whole = any(
        asked > 1 and asked == hardware.chips for hardware in deployment.kubernetes.hardware_of(pod)
    )
    if (whole or pod.count(EFA)) and not pod.shared_memory:
        yield Found(
            pod.resource,
            f"{pod.kind} {pod.name} mounts no memory at /dev/shm",
            "add a volume emptyDir with medium Memory and mount it there",
        )


@rule(
    "hugepages-reserved",
    "H",
    pods,
    title="A pod asks for huge pages only where nodes reserve them",
    without="The pod stays pending: no node has any, as EKS's image reserves none.",
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html"],
)
def hugepages_reserved(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    if "hugepages-2Mi" not in pod.requests:
        return
    groups = deployment.kubernetes.nodes_of(pod)
    # An image of one's own, or a script that is not known, may reserve them.
    told = all(group.ami_type and known(group.data.get("UserData")) for group in groups)
    reserved = any(group.user_data and group.user_data.reserves_hugepages for group in groups)
    if groups and told and not reserved:
        yield Found(
            pod.resource,
            f"{pod.kind} {pod.name} asks for {pod.requests['hugepages-2Mi']} of hugepages-2Mi",
            "reserve them in the nodes' user data (vm.nr_hugepages), or do not ask for them",
        )


@rule(
    "driver-runs-image",
    "V",
    pods,
    title="The driver of the nodes runs the Neuron SDK of the image",
    without="nrt_init() fails in the container.",
    sources=[
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/release-notes/components/"
        "runtime.html"
    ],
)
def driver_runs_image(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    if not pod.sdk or not (pod.count(NEURON) or pod.count(NEURON_CORE)):
        return
    # Release notes of 2.28 to 2.33: the runtime's minor version is the SDK's and two.
    runtime = f"2.{numbers(pod.sdk)[1] + 2}"
    for group in deployment.kubernetes.nodes_of(pod):
        release = string(group.resource.properties.get("ReleaseVersion"))
        driver = driver_of(release) if release and not group.own_image else None
        neuron = any(hardware.neuron for hardware in group.hardware)
        if driver and neuron and broken({"driver": driver, "runtime": runtime}):
            yield Found(
                pod.resource,
                f"{pod.kind} {pod.name} has SDK {pod.sdk} (runtime {runtime}); the nodes of "
                f"{group.resource.logical_id} have driver {driver}",
                "take the image of an SDK that runs on the driver, or pin another release",
            )


@rule(
    "dead-variable",
    "V",
    pods,
    title="No environment variable that nothing reads",
    without="The setting has no effect, and nobody is told.",
    sources=[
        "https://github.com/ofiwg/libfabric/pull/10210",
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/announcements/"
        "neuron2.x/announce-no-support-implicit-async-mode.html",
        "https://github.com/aws-neuron/aws-neuron-sdk/issues/1368",
    ],
)
def dead_variable(pod: Pod, _: Deployment) -> Iterator[Found]:
    dead = {
        "FI_EFA_DEVICE_NAME": "use FI_EFA_IFACE; this one never existed",
        "VLLM_NEURON_REMOTE_CACHE": "use VLLM_CACHE_ROOT",
    }
    if pod.sdk and numbers(pod.sdk) >= (2, 31):
        dead["NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS"] = (
            "leave it out; implicit asynchronous execution was removed in SDK 2.31"
        )
    for name in dead.keys() & pod.variables.keys():
        yield Found(pod.resource, f"{pod.kind} {pod.name} sets {name}", dead[name])


@rule(
    "fork-safe",
    "V",
    pods,
    title="FI_EFA_FORK_SAFE is set for kernels before 5.15 only",
    without="It is for Amazon Linux 2, which this node does not run: a sample of another time was "
    "copied, and its other settings may be as old.",
    sources=[_TROUBLE],
)
def fork_safe(pod: Pod, deployment: Deployment) -> Iterator[Found]:
    groups = deployment.kubernetes.nodes_of(pod)
    new = [(group.ami_type or "").startswith("AL2023") for group in groups]
    if pod.variables.get("FI_EFA_FORK_SAFE") == "1" and new and all(new):
        yield Found(
            pod.resource,
            f"{pod.kind} {pod.name} sets FI_EFA_FORK_SAFE, and its nodes run Amazon Linux 2023",
            "leave it out",
        )


@rule(
    "efa-provider",
    "H",
    pods,
    title="A pod that asks for EFA uses EFA's provider",
    without="Traffic goes over TCP at a fraction of the bandwidth, while the interfaces are idle.",
    sources=[
        "https://github.com/aws-samples/awsome-distributed-training/blob/main/1.architectures/"
        "efa-cheatsheet.md"
    ],
)
def efa_provider(pod: Pod, _: Deployment) -> Iterator[Found]:
    provider = pod.variables.get("FI_PROVIDER")
    if pod.count(EFA) and provider and "efa" not in provider.split(","):
        yield Found(
            pod.resource, f"{pod.kind} {pod.name} sets FI_PROVIDER to {provider}", "set it to efa"
        )


@rule(
    "rendezvous-name",
    "H",
    pods,
    title="The rendezvous of Neuron's collectives is an address or a short name",
    without="The runtime cannot resolve names above 63 characters, and every worker waits.",
    sources=[_TROUBLE],
)
def rendezvous_name(pod: Pod, _: Deployment) -> Iterator[Found]:
    host = (pod.variables.get("NEURON_RT_ROOT_COMM_ID") or "").rpartition(":")[0]
    if len(host) > _LONGEST_NAME or host.lower().startswith(("fe80:", "[fe80:")):
        yield Found(
            pod.resource,
            f"{pod.kind} {pod.name} sets NEURON_RT_ROOT_COMM_ID to {host[:70]}",
            f"give an address, or a name of {_LONGEST_NAME} characters or fewer",
        )


def _neuron_types(pod: Pod, deployment: Deployment) -> list[Instance]:
    """The types with Neuron devices that a pod can land on."""
    return [hardware for hardware in deployment.kubernetes.hardware_of(pod) if hardware.neuron]
