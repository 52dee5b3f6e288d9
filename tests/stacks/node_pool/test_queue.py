import itertools
import json

import pytest

from operations.manifests import NO_SCHEMA, problems
from stacks.config.types import refused
from stacks.node_pool.queue import description, queue_objects, quota
from workloads.hardware import INSTANCES
from workloads.jobs.pool import read_pool
from workloads.train.publisher import Publisher
from workloads.versions import VERSIONS

TYPES = {name: i for name, i in INSTANCES.items() if not refused(name)}
every_type = pytest.mark.parametrize("instance_type", TYPES)


def of_kind(objects, kind):
    return [manifest for manifest in objects if manifest["kind"] == kind]


def queue_of(pool, allocator="device-plugin"):
    [queue] = of_kind(queue_objects(pool, neuron_allocator=allocator), "ClusterQueue")
    return queue["spec"]


@every_type
def test_the_quota_is_what_all_nodes_offer_and_each_device_once(pool_of, instance_type):
    pool = pool_of(instance_type, max_nodes=3)
    hardware = TYPES[instance_type]
    offered = hardware.kubernetes_resources(lnc=pool.lnc, efa=pool.efa)
    devices = {n: c for n, c in offered.items() if n != "aws.amazon.com/neuroncore"}

    amounts = quota(pool)

    assert {n: int(amounts[n]) for n in devices} == {n: 3 * c for n, c in devices.items()}
    assert amounts.keys() == {"cpu", "memory", *devices}
    assert int(amounts["cpu"]) == 3 * hardware.vcpus
    assert int(amounts["memory"].removesuffix("Mi")) <= 3 * hardware.memory_gib * 1024


def test_pages_set_aside_are_no_memory(pool_of):
    plain, paged = (quota(pool_of("trn1.32xlarge", hugepages=pages)) for pages in (0, 5120))

    assert "hugepages-2Mi" not in plain
    assert paged["hugepages-2Mi"] == f"{2 * 10240}Mi"
    lost = int(plain["memory"].removesuffix("Mi")) - int(paged["memory"].removesuffix("Mi"))
    assert lost == 2 * 10240


@every_type
def test_kueue_finds_a_quota_for_each_resource_it_covers(pool_of, instance_type):
    """Its webhook wants them in one order."""
    pool = pool_of(instance_type)
    [group] = queue_of(pool)["resourceGroups"]
    [flavor] = group["flavors"]

    assert [entry["name"] for entry in flavor["resources"]] == group["coveredResources"]
    assert flavor["name"] == pool.name


@every_type
def test_a_job_needs_no_node_selector_and_no_toleration(pool_of, instance_type):
    pool = pool_of(instance_type)
    hardware = TYPES[instance_type]
    [flavor] = of_kind(queue_objects(pool, neuron_allocator="device-plugin"), "ResourceFlavor")

    tolerated = [toleration["key"] for toleration in flavor["spec"]["tolerations"]]

    assert flavor["spec"]["nodeLabels"] == {"pool": pool.name}
    taints = {"aws.amazon.com/neuron": hardware.neuron, "nvidia.com/gpu": hardware.nvidia}
    assert tolerated == [key for key, tainted in taints.items() if tainted]


def test_a_gang_is_neither_starved_nor_blocks_what_fits(pool_of):
    spec = queue_of(pool_of("trn1.32xlarge"))

    assert spec["queueingStrategy"] == "BestEffortFIFO"
    assert spec["preemption"] == {"withinClusterQueue": "LowerOrNewerEqualPriority"}


@pytest.mark.parametrize("instance_type", ["trn2.48xlarge", "trn2.3xlarge"])
def test_under_dra_a_pod_names_a_claim_for_a_device_or_a_node(pool_of, instance_type):
    pool = pool_of(instance_type)
    claims = of_kind(queue_objects(pool, neuron_allocator="dra"), "ResourceClaimTemplate")

    requests = {
        claim["metadata"]["name"]: claim["spec"]["spec"]["devices"]["requests"][0]["exactly"]
        for claim in claims
    }

    assert requests.keys() == {"pool-device", "pool-node"}
    assert requests["pool-device"]["count"] == 1
    assert requests["pool-node"]["count"] == TYPES[instance_type].chips
    for request in requests.values():
        assert request["deviceClassName"] == "neuron.aws.com"
        assert request["allocationMode"] == "ExactCount"  # Kueue admits no other


@pytest.mark.parametrize(
    ("instance_type", "allocator"),
    [("trn1.32xlarge", "device-plugin"), ("m7a.48xlarge", "dra"), ("p5.48xlarge", "dra")],
)
def test_without_neurons_dra_driver_there_are_no_claims(pool_of, instance_type, allocator):
    objects = queue_objects(pool_of(instance_type), neuron_allocator=allocator)

    assert of_kind(objects, "ResourceClaimTemplate") == []


@pytest.mark.parametrize("allocator", ["device-plugin", "dra"])
@every_type
def test_every_object_is_valid(pool_of, instance_type, allocator):
    objects = queue_objects(pool_of(instance_type), neuron_allocator=allocator)
    for manifest, version in itertools.product(objects, VERSIONS.kubernetes):
        found = problems(manifest, version)
        unknown = manifest["apiVersion"].startswith("kueue.")
        assert all(problem.startswith(NO_SCHEMA) for problem in found) if unknown else not found


@pytest.mark.parametrize(
    ("environment", "stack"),
    [("prod", "pool-trn1"), ("demo", "pool-epyc"), ("closed", "pool-block"), ("open", "pool-b300")],
)
def test_a_pools_queue_is_in_its_stack_and_goes_before_its_nodes(stacks, environment, stack):
    pool = stacks(environment)[stack]
    [nodes] = pool.every("AWS::EKS::Nodegroup")
    [objects] = pool.every("Custom::AWSCDK-EKS-KubernetesResource")

    assert pool.template["Resources"][objects]["DependsOn"] == [nodes]
    names = {
        manifest["metadata"]["name"]
        for manifest in json.loads(pool.only("Custom::AWSCDK-EKS-KubernetesResource")["Manifest"])
    }
    assert names == {stack.removeprefix("pool-"), stack}


def test_nodes_with_efa_interfaces_are_labelled_for_the_plugin(stacks):
    [with_efa] = stacks("prod")["pool-trn1"].every("AWS::EKS::Nodegroup").values()
    [without] = stacks("prod")["pool-epyc"].every("AWS::EKS::Nodegroup").values()

    assert with_efa["Labels"]["efa"] == "present"
    assert "efa" not in without["Labels"], "the type has EFA, the pool goes without"


@every_type
def test_a_job_reads_the_pool_as_it_is_configured(pool_of, instance_type):
    pool = pool_of(instance_type, max_nodes=3)

    manifest = description(
        pool,
        neuron_allocator="dra",
        registry="registry",
        images="dev/workloads",
        environment="dev",
    )

    read = read_pool(manifest["data"])
    assert problems(manifest, "1.35") == []
    assert (read.name, read.max_nodes, read.allocator) == (pool.name, 3, "dra")
    assert (read.hardware, read.efa, read.lnc) == (TYPES[instance_type], pool.efa, pool.lnc)
    assert (read.registry, read.images) == ("registry", "dev/workloads")
    assert read.cloudwatch == "dev"


def test_a_pools_jobs_find_the_images_of_their_own_environment(stacks):
    """The name that the storage stack gives the repository."""
    [storage, pool] = (stacks("prod")[name] for name in ("storage", "pool-trn1"))
    repository = storage.only("AWS::ECR::Repository")["RepositoryName"]

    manifests = json.loads(pool.only("Custom::AWSCDK-EKS-KubernetesResource")["Manifest"])

    [data] = [manifest["data"] for manifest in of_kind(manifests, "ConfigMap")]
    assert read_pool(data).images == repository


@pytest.mark.parametrize("environment", ["prod", "open"])
def test_a_run_tells_where_its_role_may_and_the_alarms_look(stacks, environment):
    """One name, from the job's --cloudwatch to the alarm: Training/NAME of workloads.train."""
    parts = stacks(environment)
    pool = next(stack for name, stack in parts.items() if name.startswith("pool-"))
    manifests = json.loads(pool.only("Custom::AWSCDK-EKS-KubernetesResource")["Manifest"])

    [data] = [manifest["data"] for manifest in of_kind(manifests, "ConfigMap")]
    told = Publisher(read_pool(data).cloudwatch).namespace

    allowed = [
        statement["Condition"]["StringEquals"]["cloudwatch:namespace"]
        for policy in parts["cluster"].every("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "cloudwatch:PutMetricData"
    ]
    [looked] = [
        alarm["Namespace"]
        for name, alarm in parts["observability"].every("AWS::CloudWatch::Alarm").items()
        if name.startswith("TrainingStalled")
    ]
    assert allowed == [told]
    assert looked == told
