import json

import pytest

from operations.checker import check
from operations.manifests import problems
from workloads.command import InputError
from workloads.hardware import INSTANCES
from workloads.jobs.job import Job, Part
from workloads.jobs.pool import Pool
from workloads.jobs.render import DIGEST, render
from workloads.versions import VERSIONS

NEURON, EFA = "aws.amazon.com/neuron", "vpc.amazonaws.com/efa"
TRN1 = Pool(name="trn1", instance_type="trn1.32xlarge", efa=True, max_nodes=4)


def gang(**fields):
    return Job(
        **{
            "name": "train",
            "image": "registry/workloads:neuron-sdk2.28.0",
            "command": ("-m", "workloads.train"),
            "gang": True,
            "pods": 2,
            "processes": 2,
        }
        | fields
    )


def tasks(**fields):
    return Job(name="tasks", image="registry/workloads:cpu", command=("true",), **fields)


def pod(manifest):
    spec = manifest["spec"]
    if manifest["kind"] == "JobSet":
        spec = spec["replicatedJobs"][0]["template"]["spec"]
    return spec["template"]["spec"]


def requests(manifest):
    return pod(manifest)["containers"][0]["resources"]["requests"]


def jobs_for(pool):
    yield gang()
    accelerated = bool(pool.devices.keys() - {EFA})
    yield tasks(pods=3, at_once=2, part=Part(cpus=1, memory_gib=1, devices=int(accelerated)))


def test_an_api_server_takes_every_job_on_every_pool(every_pool):
    for pool in every_pool:
        for job in jobs_for(pool):
            assert problems(render(job, pool), "1.35") == [], (pool, job)


@pytest.mark.parametrize("version", VERSIONS.kubernetes)
def test_every_kubernetes_version_takes_a_gang_and_tasks(version):
    for job in (
        gang(),
        gang(secret="keys", first_decides=True),
        tasks(),
        tasks(part=Part(cpus=1, memory_gib=2)),
    ):
        for pages in (0, 512):
            pool = Pool(name="trn2", instance_type="trn2.48xlarge", efa=True, hugepages=pages)
            assert problems(render(job, pool), version) == []


def test_the_checker_finds_nothing_in_any_job(every_pool):
    manifests = [render(job, pool) for pool in every_pool for job in jobs_for(pool)]
    resources = {
        f"Job{index}": {
            "Type": "Custom::AWSCDK-EKS-KubernetesResource",
            "Properties": {"ClusterName": "cluster", "Manifest": json.dumps([manifest])},
        }
        for index, manifest in enumerate(manifests)
    }

    assert check({"jobs": {"Resources": resources}}) == []


def test_jobs_on_the_pools_of_an_environment_are_clean_beside_its_templates(stacks):
    """The image's SDK, its nodes' driver and their pages are judged together."""
    templates = {f"prod-{name}": dict(s.template) for name, s in stacks("prod").items()}
    manifest = render(gang(), TRN1)
    cluster = templates["prod-cluster"]
    [name] = [k for k, r in cluster["Resources"].items() if r["Type"] == "AWS::EKS::Cluster"]
    job = {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": {"ClusterName": {"Ref": name}, "Manifest": json.dumps([manifest])},
    }
    templates["prod-cluster"] = cluster | {"Resources": cluster["Resources"] | {"Job": job}}

    assert check(templates) == []


def test_a_pod_with_a_node_for_itself_takes_all_its_devices(every_pool):
    for pool in every_pool:
        manifest = render(gang(), pool)
        counted = {n: int(c) for n, c in requests(manifest).items() if n in pool.devices}
        if pool.allocator == "dra":
            counted[NEURON] = pool.devices[NEURON]
            [claim] = pod(manifest)["resourceClaims"]
            assert claim["resourceClaimTemplateName"] == f"{pool.name}-node"
            assert pod(manifest)["containers"][0]["resources"]["claims"] == [
                {"name": claim["name"]}
            ]
            assert NEURON not in requests(manifest)
        else:
            assert "resourceClaims" not in pod(manifest)
        assert counted == dict(pool.devices)


def test_a_whole_node_is_less_than_the_kubelet_leaves():
    """awslabs/amazon-eks-ami, nodeadm: 255 MiB, 11 MiB a pod, and so much of the first CPUs."""
    for name, hardware in INSTANCES.items():
        asked = requests(render(gang(), Pool(name="p", instance_type=name)))
        kept = 60 + 10 * (hardware.vcpus > 1) + 2.5 * (max(hardware.vcpus, 4) - 4) + 10
        pods = min(737, sum(c.interfaces for c in hardware.network_cards[:1])
                   * (hardware.ipv4_per_interface - 1) + 2)  # fmt: skip
        memory = 1024 * hardware.memory_gib * 0.98 - 255 - 11 * pods - 100

        assert int(asked["cpu"].removesuffix("m")) <= 1000 * hardware.vcpus - kept - 200, name
        assert 0 < int(asked["memory"].removesuffix("Mi")) <= memory, name


def test_pages_set_aside_are_asked_for_and_are_no_memory():
    plain, paged = (
        requests(render(gang(), Pool(name="p", instance_type="trn1.32xlarge", hugepages=pages)))
        for pages in (0, 5120)
    )

    assert "hugepages-2Mi" not in plain
    assert paged["hugepages-2Mi"] == "10240Mi"
    assert int(paged["memory"][:-2]) < int(plain["memory"][:-2])


def test_a_gang_is_restarted_as_a_whole_unless_its_user_is_wrong():
    spec = render(gang(retries=5), TRN1)["spec"]
    inner = spec["replicatedJobs"][0]["template"]["spec"]

    assert spec["failurePolicy"]["maxRestarts"] == 5
    assert inner["backoffLimit"] == 0
    [rule] = inner["podFailurePolicy"]["rules"]
    assert rule == {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}}
    [never] = spec["failurePolicy"]["rules"]
    assert never["action"] == "FailJobSet"
    assert never["onJobFailureReasons"] == ["PodFailurePolicy"]


def test_tasks_are_repeated_one_by_one():
    spec = render(tasks(pods=8, at_once=3, retries=2), TRN1)["spec"]

    assert (spec["completions"], spec["parallelism"]) == (8, 3)
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (2, 0)
    assert "Ignore" in [rule["action"] for rule in spec["podFailurePolicy"]["rules"]]


def test_kueue_starts_what_it_has_queued():
    for job in (gang(priority="training"), tasks()):
        manifest = render(job, TRN1)
        assert manifest["spec"]["suspend"] is True
        assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "trn1"
        assert manifest["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == job.priority


def test_the_digest_tells_specifications_apart():
    digests = {
        render(job, pool)["metadata"]["annotations"][DIGEST]
        for job in (gang(), gang(pods=3), gang(environment={"A": "1"}))
        for pool in (TRN1, Pool(name="trn1", instance_type="trn1.32xlarge", allocator="dra"))
    }

    assert len(digests) == 6
    assert render(gang(), TRN1) == render(gang(), TRN1)


@pytest.mark.parametrize(
    ("job", "pool", "sentence"),
    [
        (gang(pods=5), TRN1, r"grows to 4"),
        (tasks(part=Part(cpus=1, memory_gib=1, devices=4)), TRN1, r"one or all"),
        (
            tasks(part=Part(cpus=1, memory_gib=1, devices=1)),
            Pool(name="epyc", instance_type="m7a.4xlarge"),
            r"no accelerator",
        ),
        (
            tasks(part=Part(cpus=64, memory_gib=1)),
            Pool(name="epyc", instance_type="m7a.4xlarge"),
            r"has 16 and 64",
        ),
    ],
)
def test_what_a_pool_cannot_hold_is_a_sentence(job, pool, sentence):
    with pytest.raises(InputError, match=sentence):
        render(job, pool)
