"""What is rendered, for every type that an image serves on, and what a pod of it does."""

import json
import re
from urllib.parse import urlsplit

import pytest

from operations.checker import check
from operations.manifests import problems
from stacks.cluster.objects import workload_objects
from workloads.artefacts.key import Key
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError
from workloads.deploy.manifests import PRIORITY, Deployment, Source, devices, render
from workloads.deploy.serving import COMPILED, WEIGHTS, server
from workloads.hardware import INSTANCES
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

NEURON = "aws.amazon.com/neuron"
TYPES = sorted(
    name
    for name, hardware in INSTANCES.items()
    if (stack := VERSIONS.neuron.get(hardware.family)) and "serve" in stack.images
)
SOURCE = Source(uri="s3://models/tiny", manifest="MANIFEST.json", sha256="a" * 64, bytes=10**10)


def pool(instance_type: str, **options) -> Pool:
    return Pool(name="serving", instance_type=instance_type, **options)


def legal(pool: Pool) -> list[int]:
    """The tensor parallel degrees that fill one device, and all."""
    total = pool.devices[NEURON]
    return sorted({pool.processes // total, pool.processes})


def deployment(pool: Pool, tensor_parallel: int, **options) -> Deployment:
    tools = toolchain(pool.instance_type, "serve")
    key = Key(
        kind="decoder",
        route=tools.route,
        image=tools.image_name,
        sdk=tools.sdk,
        compiler=tools.compiler,
        target=tools.target,
        tensor_parallel=tensor_parallel,
        batch=4,
        sequence_length=2048,
    )
    return Deployment(
        name="tiny",
        server=server("tiny", key, tools.image),
        tensor_parallel=tensor_parallel,
        model=SOURCE,
        compiled=SOURCE,
        region="us-east-2",
        **options,
    )


def rendered(pool: Pool, tensor_parallel: int | None = None, **options) -> dict[str, dict]:
    """The objects by kind."""
    degree = tensor_parallel or legal(pool)[0]
    objects = render(deployment(pool, degree, **options), pool)
    return {each["kind"]: each for each in objects}


def pod(objects: dict[str, dict]) -> dict:
    return objects["Deployment"]["spec"]["template"]["spec"]


CASES = [
    (name, allocator, index)
    for name in TYPES
    for allocator in ("device-plugin", "dra")
    for index in range(len(legal(pool(name))))
]


EVERYTHING = {"most_replicas": 4, "clients": "10.0.0.0/16"}


def assert_valid(objects: dict[str, dict], version: str) -> None:
    for each in objects.values():
        assert problems(each, version) == []


@pytest.mark.parametrize("version", VERSIONS.kubernetes)
def test_every_object_is_one_that_the_api_server_takes(version):
    assert_valid(rendered(pool("inf2.xlarge"), **EVERYTHING), version)


@pytest.mark.parametrize(("name", "allocator", "index"), CASES)
def test_every_deployment_is_one_that_the_api_server_takes(name, allocator, index):
    where = pool(name, allocator=allocator)

    deployment = rendered(where, legal(where)[index])["Deployment"]

    assert_valid({"Deployment": deployment}, max(VERSIONS.kubernetes))


def findings(objects: dict[str, dict]) -> list:
    """The checker's, of the objects as a template would hold them: it sees pods only there."""
    manifest = {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": {"ClusterName": "c", "Manifest": json.dumps(list(objects.values()))},
    }
    return check({"served": {"Resources": {"Objects": manifest}}})


@pytest.mark.parametrize(("name", "allocator", "index"), CASES)
def test_the_checker_finds_nothing(name, allocator, index):
    where = pool(name, allocator=allocator)

    assert findings(rendered(where, legal(where)[index], **EVERYTHING)) == []


def test_the_checker_would_find_something():
    where = pool("inf2.48xlarge")
    objects = rendered(where, where.processes)
    del pod(objects)["volumes"]

    assert "shared-memory" in {finding.rule for finding in findings(objects)}


@pytest.mark.parametrize(("name", "allocator", "index"), CASES)
def test_tensor_parallel_is_the_cores_that_the_pod_asks_for(name, allocator, index):
    where = pool(name, allocator=allocator)
    degree = legal(where)[index]

    spec = pod(rendered(where, degree))

    [main] = spec["containers"]
    count = where.devices[NEURON] if degree == where.processes else 1
    if allocator == "device-plugin":
        assert main["resources"]["limits"][NEURON] == str(count)
    else:
        [claim] = spec["resourceClaims"]
        whole = "node" if count == where.devices[NEURON] else "device"
        assert claim["resourceClaimTemplateName"] == f"serving-{whole}"
        assert NEURON not in main["resources"].get("limits", {})
    at = main["command"].index("--tensor-parallel-size")
    assert main["command"][at + 1] == str(degree)


@pytest.mark.parametrize("name", TYPES)
def test_a_degree_that_does_not_fill_devices_is_refused(name):
    where = pool(name)
    wrong = set(range(1, where.processes + 2)) - set(legal(where))

    for degree in wrong:
        with pytest.raises(InputError, match="does not fill the devices of a pod"):
            devices(degree, where)


def test_a_pool_without_neuron_serves_nothing():
    with pytest.raises(InputError, match="have no Neuron device"):
        devices(2, pool("m7a.large"))


@pytest.mark.parametrize(("name", "allocator", "index"), CASES)
def test_the_pods_of_a_full_node_fit_into_it(name, allocator, index):
    where = pool(name, allocator=allocator)
    hardware = where.hardware
    degree = legal(where)[index]
    pods = where.processes // degree

    requests = pod(rendered(where, degree))["containers"][0]["resources"]["requests"]

    cpus = float(requests["cpu"].removesuffix("m")) / (1000 if "m" in requests["cpu"] else 1)
    number, unit = re.fullmatch(r"(\d+)(\wi)", requests["memory"]).groups()
    gib = int(number) / (1024 if unit == "Mi" else 1)
    assert 0 < pods * cpus <= 0.951 * hardware.vcpus
    assert 0 < pods * gib <= 0.95 * hardware.memory_gib


@pytest.mark.parametrize("name", TYPES)
def test_a_pod_serves_only_what_was_compiled_for_it(name):
    spec = pod(rendered(pool(name)))

    [main] = spec["containers"]
    variables = {each["name"]: each["value"] for each in main["env"]}
    if toolchain(name, "serve").route == "nxdi":
        assert variables["NEURON_COMPILED_ARTIFACTS"] == COMPILED
        [mount] = [each for each in main["volumeMounts"] if each["mountPath"] == COMPILED]
        assert mount["readOnly"] is True
        assert mount["subPath"] == "compiled"
    else:
        assert variables["VLLM_CACHE_ROOT"] == COMPILED
        assert variables["VLLM_NEURON_DISABLE_WARMUP_COMPILE"] == "1"
        assert variables["NEURON_LIBTORCH_DISABLE_GRAPH_CAPTURE_BACKEND"] == "1"
    fetching = {each["name"]: each["command"] for each in spec["initContainers"]}
    assert fetching["fetch-model"][3:] == ["MANIFEST.json", WEIGHTS, "a" * 64]
    assert fetching["fetch-compiled"][4] == COMPILED


def test_requests_come_once_the_model_is_warm_and_are_answered_before_the_end():
    spec = pod(rendered(pool("inf2.xlarge"), drain_seconds=120))

    [main] = spec["containers"]
    assert main["command"][:2] == ["vllm", "serve"]  # not the entry point, which keeps SIGTERM
    startup = main["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert main[probe]["httpGet"] == {"path": "/health", "port": "http"}
    drain = main["lifecycle"]["preStop"]["exec"]["command"]
    assert drain[1] == "/scripts/drain.py"
    assert drain[-1] == "120"
    assert spec["terminationGracePeriodSeconds"] == 150


def test_the_scripts_are_those_of_this_repository():
    objects = rendered(pool("inf2.xlarge"))

    data = objects["ConfigMap"]["data"]
    for name, text in data.items():
        compile(text, name, "exec")
    [volume] = [v for v in pod(objects)["volumes"] if v["name"] == "scripts"]
    assert volume["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]


def test_its_priority_is_one_that_the_cluster_has():
    classes = [
        each["metadata"]["name"] for each in workload_objects() if each["kind"] == "PriorityClass"
    ]

    assert PRIORITY in classes
    assert pod(rendered(pool("inf2.xlarge")))["priorityClassName"] == PRIORITY


def test_one_copy_is_replaced_by_a_second_and_several_one_by_one():
    def strategy(**options):
        objects = rendered(pool("inf2.xlarge"), **options)
        return objects["Deployment"]["spec"]["strategy"]["rollingUpdate"]

    assert strategy() == {"maxSurge": 1, "maxUnavailable": 0}
    assert strategy(replicas=3) == {"maxSurge": 0, "maxUnavailable": 1}


def test_an_autoscaled_model_counts_its_own_queue_only():
    objects = rendered(pool("inf2.xlarge"), replicas=2, most_replicas=5)

    assert "replicas" not in objects["Deployment"]["spec"]
    spec = objects["ScaledObject"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 5)
    [trigger] = spec["triggers"]
    assert trigger["metadata"]["valueLocation"] == 'vllm:num_requests_waiting{model_name="tiny"}'
    assert trigger["metadata"]["aggregationType"] == "sum"
    url, [port] = urlsplit(trigger["metadata"]["url"]), pod(objects)["containers"][0]["ports"]
    service = objects["Service"]["metadata"]
    assert url.hostname.split(".")[:2] == [service["name"], service["namespace"]]
    assert url.port == port["containerPort"]  # the pods', which the service need not have
    assert "ScaledObject" not in rendered(pool("inf2.xlarge"))
    served = pod(objects)["containers"][0]["command"]
    assert served[served.index("--served-model-name") + 1] == "tiny"


def test_clients_outside_the_cluster_reach_it_inside_the_vpc_only():
    service = rendered(pool("inf2.xlarge"), clients="10.0.0.0/16")["Service"]

    assert service["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/16"]
    internal = "service.beta.kubernetes.io/aws-load-balancer-internal"
    assert service["metadata"]["annotations"][internal] == "true"
    assert "type" not in rendered(pool("inf2.xlarge"))["Service"]["spec"]


def test_equal_wishes_are_equal_to_the_byte():
    def once() -> str:
        return json.dumps(rendered(pool("inf2.48xlarge")))

    assert once() == once()


@pytest.mark.parametrize("route", ["optimum", "graphs", "trace"])
def test_what_vllm_does_not_load_is_no_server(route):
    tools = toolchain("inf2.xlarge", "serve")
    key = Key(
        kind="decoder",
        route=route,
        image=tools.image_name,
        sdk=tools.sdk,
        compiler=tools.compiler,
        target=tools.target,
    )

    with pytest.raises(InputError, match="vLLM serves decoders"):
        server("tiny", key, tools.image)
