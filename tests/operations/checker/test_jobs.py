import json

import pytest

NEURON, CORE = "aws.amazon.com/neuron", "aws.amazon.com/neuroncore"
EFA = "vpc.amazonaws.com/efa"
SDK_2_28 = (
    "public.ecr.aws/neuron/pytorch-training-neuronx:2.9.0-neuronx-py312-sdk2.28.0-ubuntu24.04"
)
SDK_2_31 = SDK_2_28.replace("sdk2.28.0", "sdk2.31.1")


def job(resources, *, image=SDK_2_28, memory=True, pool="trn1", **variables):
    """A job of one container, as AWS's samples have them."""
    container = {
        "name": "main",
        "image": image,
        "resources": {"limits": {name: str(count) for name, count in resources.items()}},
        "env": [{"name": name, "value": value} for name, value in variables.items()],
    }
    spec = {"containers": [container], "nodeSelector": {"pool": pool}}
    if memory:
        container["volumeMounts"] = [{"name": "shm", "mountPath": "/dev/shm"}]
        spec["volumes"] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    return {"kind": "Job", "metadata": {"name": "train"}, "spec": {"template": {"spec": spec}}}


WHOLE = {NEURON: 16, EFA: 8}


def test_a_job_that_takes_whole_nodes_is_clean(prod):
    prod.apply(job(WHOLE, FI_PROVIDER="efa", NEURON_RT_ROOT_COMM_ID="10.0.0.1:63182"))

    assert prod.rules == set()


@pytest.mark.parametrize(
    ("rules", "planted"),
    [
        ({"device-count", "part-of-a-node"}, job({NEURON: 2})),
        ({"part-of-a-node"}, job({NEURON: 4})),
        ({"part-of-a-node"}, job({CORE: 8})),
        ({"part-of-a-node"}, job({NEURON: 3}, pool="inf2")),
        (set(), job({NEURON: 1})),
        (set(), job({NEURON: 12}, pool="inf2")),
        ({"shared-memory"}, job(WHOLE, memory=False)),
        ({"shared-memory"}, job({NEURON: 16}, memory=False)),
        (set(), job({NEURON: 1}, memory=False)),
        ({"hugepages-reserved"}, job(WHOLE | {"hugepages-2Mi": "5120Mi"})),
        ({"dead-variable"}, job(WHOLE, FI_EFA_DEVICE_NAME="efa0")),
        ({"dead-variable"}, job({NEURON: 1}, VLLM_NEURON_REMOTE_CACHE="/cache")),
        (set(), job(WHOLE, NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS="3")),
        ({"fork-safe"}, job(WHOLE, FI_EFA_FORK_SAFE="1")),
        (set(), job(WHOLE, FI_EFA_FORK_SAFE="0")),
        ({"efa-provider"}, job(WHOLE, FI_PROVIDER="tcp")),
        (set(), job({NEURON: 1}, FI_PROVIDER="tcp")),
        ({"rendezvous-name"}, job(WHOLE, NEURON_RT_ROOT_COMM_ID="a" * 64 + ".svc:63182")),
        ({"rendezvous-name"}, job(WHOLE, NEURON_RT_ROOT_COMM_ID="fe80::1:63182")),
    ],
)
def test_a_trap_in_a_job_is_found_and_nothing_else(prod, rules, planted):
    prod.apply(planted)

    assert prod.rules == rules


def newest(prod, pool):
    """The release whose driver is 2.29, which SDK 2.28 does not run on."""
    prod.group(pool)["ReleaseVersion"] = "1.35.6-20260714"


def test_an_image_of_an_sdk_that_the_driver_refuses_is_found(prod):
    newest(prod, "inf2")
    prod.apply(job({NEURON: 1}, pool="inf2"))

    assert prod.rules == {"driver-runs-image"}


def test_a_variable_that_its_sdk_has_removed_is_found(prod):
    newest(prod, "trn1")
    setting = {"NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS": "3"}
    prod.apply(job(WHOLE, image=SDK_2_31, **setting))

    assert prod.rules == {"dead-variable"}


def test_a_scheduler_of_its_own_may_give_a_part_of_a_node(prod):
    planted = job({NEURON: 4})
    planted["spec"]["template"]["spec"]["schedulerName"] = "neuron-scheduler"
    prod.apply(planted)

    assert prod.rules == set()


def test_huge_pages_that_the_nodes_reserve_are_clean(prod):
    prod.replace("#!/bin/bash\n", "#!/bin/bash\nsysctl -w vm.nr_hugepages=5128\n")
    prod.apply(job(WHOLE | {"hugepages-2Mi": "5120Mi"}))

    assert prod.rules == set()


def test_a_pod_that_may_land_elsewhere_is_not_judged_by_one_node(prod):
    """Three devices are no set of Trn1's, and fine on Inf2, whose pool the selector admits too."""
    planted = job({NEURON: 3})
    planted["spec"]["template"]["spec"] |= {"nodeSelector": {}, "schedulerName": "theirs"}
    prod.apply(planted)

    assert prod.rules == set()


def test_the_type_is_taken_from_the_selector_where_it_names_one(prod):
    planted = job({NEURON: 2})
    selector = {"node.kubernetes.io/instance-type": "inf2.24xlarge"}
    planted["spec"]["template"]["spec"]["nodeSelector"] = selector
    prod.apply(planted)

    assert prod.rules == {"part-of-a-node"}


def test_a_pod_inside_of_any_object_is_seen(prod):
    replicated = {"template": job({NEURON: 7})}
    prod.apply(
        {"kind": "JobSet", "metadata": {"name": "s"}, "spec": {"replicatedJobs": [replicated]}}
    )

    assert "device-count" in prod.rules


def test_an_object_with_references_in_its_text_is_seen(prod):
    """The CDK joins the text of an object around what it does not know."""
    text = json.dumps([job({NEURON: 7}, CLUSTER="HERE")])
    before, after = text.split("HERE")
    prod.apply()
    [body] = [
        body
        for name, body in prod.templates["prod-cluster"]["Resources"].items()
        if name.startswith("Planted")
    ]
    joined = [before, {"Ref": "AWS::AccountId"}, after]
    body["Properties"]["Manifest"] = {"Fn::Join": ["", joined]}

    assert "device-count" in prod.rules
