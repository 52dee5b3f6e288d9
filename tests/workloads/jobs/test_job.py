import pytest

from operations.manifests import problems
from stacks.cluster.objects import workload_objects
from stacks.shared import kubernetes as shared
from workloads.command import InputError
from workloads.jobs import kubernetes
from workloads.jobs.environment import first_pod, variables
from workloads.jobs.job import LONGEST_NAME, Job, Part
from workloads.jobs.pool import Pool, config_map_name, described, read_pool
from workloads.jobs.render import render
from workloads.train.__main__ import DEVICES

TRN1 = Pool(name="trn1", instance_type="trn1.32xlarge", efa=True)


def job(**fields):
    return Job(**{"name": "job", "image": "image", "command": ("true",)} | fields)


@pytest.mark.parametrize("name", ["", "Train", "1st", "a_b", "-a", "a-", "a" * 27, "a\n"])
def test_a_name_that_no_service_may_have_is_refused(name):
    with pytest.raises(InputError, match="cannot name a job"):
        job(name=name)


def test_the_longest_name_still_resolves():
    longest = job(name="a" * LONGEST_NAME, gang=True)

    assert len(first_pod(longest)) <= 63
    assert problems(render(longest, TRN1), "1.35") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"gang": True, "part": Part(cpus=1, memory_gib=1)},
        {"gang": True, "at_once": 1},
        {"processes": 2},
    ],
)
def test_a_gang_takes_whole_nodes_and_only_a_gang_has_torchrun(fields):
    with pytest.raises(InputError):
        job(**fields)


def test_pods_of_a_gang_with_efa_are_told_of_it():
    told = variables(job(gang=True, pods=2), TRN1)

    assert told["FI_PROVIDER"] == "efa"
    assert told["CCOM_SOCKET_IFNAME"] == "eth0"
    assert told["MASTER_ADDR"] == "job-node-0-0.job"
    assert "FI_PROVIDER" not in variables(job(gang=True), TRN1)
    assert "MASTER_ADDR" not in variables(job(pods=2), TRN1)


@pytest.mark.parametrize(
    ("instance_type", "lnc", "told"),
    [("trn2.48xlarge", None, "2"), ("trn2.48xlarge", 1, "1"), ("trn1.32xlarge", None, None),
     ("m7a.4xlarge", None, None)],
)  # fmt: skip
def test_the_runtime_is_told_the_logical_cores_that_the_nodes_have(instance_type, lnc, told):
    pool = Pool(name="p", instance_type=instance_type, lnc=lnc)

    assert variables(job(), pool).get("NEURON_LOGICAL_NC_CONFIG") == told


def test_the_job_has_the_last_word():
    assert variables(job(environment={"MALLOC_ARENA_MAX": "8"}), TRN1)["MALLOC_ARENA_MAX"] == "8"


@pytest.mark.parametrize(
    ("instance_type", "lnc", "processes"),
    [("trn1.32xlarge", None, 32), ("trn2.48xlarge", None, 64), ("trn2.48xlarge", 1, 128),
     ("inf2.8xlarge", None, 2), ("m7a.4xlarge", None, 1), ("p5.48xlarge", None, 8)],
)  # fmt: skip
def test_a_process_has_a_core_or_a_gpu_of_its_own(instance_type, lnc, processes):
    assert Pool(name="p", instance_type=instance_type, lnc=lnc).processes == processes


@pytest.mark.parametrize(
    ("instance_type", "device"),
    [("trn1.32xlarge", "xla"), ("trn1n.32xlarge", "xla"), ("trn2.48xlarge", "neuron"),
     ("inf2.8xlarge", "xla"), ("p5.48xlarge", "cuda"), ("m7a.4xlarge", "cpu")],
)  # fmt: skip
def test_training_is_told_the_device_that_the_nodes_have(instance_type, device):
    assert Pool(name="p", instance_type=instance_type).device == device
    assert device in DEVICES


def test_a_pool_is_what_it_was_described_as(every_pool):
    for pool in every_pool:
        assert read_pool(described(pool)) == pool


def test_the_description_fits_a_config_map():
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_map_name("trn1"), "namespace": kubernetes.NAMESPACE},
        "data": described(TRN1),
    }

    assert problems(manifest, "1.35") == []


@pytest.mark.parametrize("text", ["", "{", '{"name": "a"}', '{"name": "a", "instance_type": "b"}'])
def test_another_config_map_describes_no_pool(text):
    with pytest.raises((ValueError, TypeError)):
        read_pool({"pool.json": text})
    with pytest.raises(KeyError):
        read_pool({})


def test_jobs_use_the_names_that_the_cluster_gave():
    for name in ("NAMESPACE", "SERVICE_ACCOUNT", "NEURON", "GPU", "EFA"):
        assert getattr(kubernetes, name) == getattr(shared, name)
    priorities = {o["metadata"]["name"] for o in workload_objects() if "Priority" in o["kind"]}
    assert {"training", "batch"} <= priorities
