import pytest

from operations.checker import check
from workloads.versions import VERSIONS


def unpinned(group):
    del group["ReleaseVersion"]


def of_another_version(group):
    group["ReleaseVersion"] = "1.34.9-20260625"


def without_a_driver(group):
    group["AmiType"] = "AL2023_x86_64_STANDARD"


def with_anothers_driver(group):
    group["AmiType"] = "AL2023_x86_64_NVIDIA"


def of_amazon_linux_2(group):
    group["AmiType"] = "AL2_x86_64_GPU"


def not_said(group):
    del group["AmiType"]


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("image-pinned", unpinned),
        ("release-of-cluster", of_another_version),
        ("image-has-driver", without_a_driver),
        ("image-has-driver", with_anothers_driver),
        ("image-has-driver", of_amazon_linux_2),
        ("image-has-driver", not_said),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_image_is_found_and_nothing_else(prod, rule, plant):
    plant(prod.group())

    assert prod.rules == {rule}


def test_a_driver_that_refuses_the_runtime_is_found(prod):
    """Trn1's stack is of SDK 2.28; driver 2.29 wants a runtime of SDK 2.31."""
    [newest] = [ami for ami in VERSIONS.kubernetes["1.35"] if ami.driver.startswith("2.29")]
    prod.group()["ReleaseVersion"] = newest.release

    [finding] = prod.findings

    assert finding.rule == "driver-runs-runtime"
    assert newest.driver in finding.value and VERSIONS.neuron["trn1"].runtime in finding.value


def test_a_runtime_that_refuses_the_driver_is_found_for_every_family():
    """Whatever the table pins: each release and family are judged as the stack itself says."""
    for amis in VERSIONS.kubernetes.values():
        for ami in amis:
            for family, stack in VERSIONS.neuron.items():
                found = check({"t": group(f"{family}.48xlarge", ami.release)})
                if family in ("trn2", "trn2u"):
                    judged = "driver-runs-runtime" in {finding.rule for finding in found}
                    assert judged is not stack.runs_on(ami.driver), (family, ami)


def group(instance, release):
    properties = {
        "AmiType": "AL2023_x86_64_NEURON",
        "InstanceTypes": [instance],
        "ReleaseVersion": release,
    }
    return {"Resources": {"Nodes": {"Type": "AWS::EKS::Nodegroup", "Properties": properties}}}


def test_a_release_the_table_does_not_have_is_not_judged(prod):
    prod.group()["ReleaseVersion"] = "1.35.9-20991231"

    assert prod.rules == set()


def test_bottlerocket_has_neurons_driver(prod):
    prod.group("inf2")["AmiType"] = "BOTTLEROCKET_x86_64"

    assert "image-has-driver" not in prod.rules


def test_a_cpu_node_with_an_accelerators_image_is_found(prod):
    prod.group("epyc")["AmiType"] = "AL2023_x86_64_NEURON"

    assert prod.rules == {"image-has-driver"}


def test_a_family_without_a_neuron_sdk_is_found(prod):
    prod.data("inf2")["InstanceType"] = "inf1.6xlarge"

    assert "family-has-stack" in prod.rules
