from dataclasses import replace
from datetime import date

import pytest

from workloads.hardware import INSTANCES, REGIONS
from workloads.versions import VERSIONS, NeuronAmi, NeuronStack, numbers

FAMILIES = pytest.mark.parametrize("family", VERSIONS.neuron)
KUBERNETES = pytest.mark.parametrize("kubernetes_version", VERSIONS.kubernetes)


def stack(runtime):
    return NeuronStack(sdk="0.0.0", runtime=runtime, compiler="0.0.0", collectives="0", uses={})


@pytest.mark.parametrize(
    ("runtime", "driver", "starts"),
    [
        ("2.30.51", "2.26.10.0", True),
        ("2.30.51", "2.28.0.0", True),
        ("2.30.51", "2.29.0.0", False),  # nrt_init() fails: runtime release notes, SDK 2.31
        ("2.32.31", "2.26.10.0", False),  # not backward-compatible: release notes, SDK 2.30
        ("2.32.31", "2.27.4.0", True),
        ("2.32.31", "2.29.0.0", False),
        ("2.33.10", "2.29.0.0", True),
        ("2.33.10", "2.26.10.0", False),
        ("2.34.10", "2.31.7.0", True),
        ("2.9.0", "2.10.0", True),  # compared as numbers, not as text
    ],
)
def test_a_runtime_starts_on_the_drivers_it_is_published_for(runtime, driver, starts):
    assert stack(runtime).runs_on(driver) is starts


@FAMILIES
@KUBERNETES
def test_every_pair_of_kubernetes_and_family_has_a_node_image(kubernetes_version, family):
    ami = VERSIONS.neuron_ami(kubernetes_version, family)

    assert ami is not None
    assert VERSIONS.neuron[family].runs_on(ami.driver)
    assert ami.release.startswith(f"{kubernetes_version}.")


def test_trn1_and_inf2_boot_the_last_image_before_driver_2_29():
    known = {family: VERSIONS.neuron_ami("1.35", family) for family in ("trn1", "inf2")}

    assert set(known.values()) == {
        NeuronAmi(release="1.35.6-20260618", driver="2.28.0.0", ena="2.16.1", efa="3.0.0")
    }


def test_the_newest_fitting_image_is_chosen_by_number_and_not_by_text():
    versions = replace(
        VERSIONS,
        kubernetes={
            "1.35": tuple(
                NeuronAmi(release=release, driver=driver)
                for release, driver in [
                    ("1.35.9-20260101", "2.28.0.0"),
                    ("1.35.10-20260201", "2.28.0.0"),
                    ("1.35.11-20260301", "2.29.0.0"),
                ]
            ),
            "1.36": (NeuronAmi(release="1.36.1-20260301", driver="2.29.0.0"),),
        },
        neuron={"trn1": stack("2.30.51")},
    )

    assert versions.neuron_ami("1.35", "trn1").release == "1.35.10-20260201"
    assert versions.standard_release("1.35") == "1.35.11-20260301"
    assert versions.neuron_ami("1.36", "trn1") is None
    with pytest.raises(LookupError, match=r"no node image of Kubernetes 1\.36 runs"):
        versions.node_image("1.36", INSTANCES["trn1.32xlarge"])


@KUBERNETES
@pytest.mark.parametrize("instance", INSTANCES.values(), ids=lambda instance: instance.name)
def test_every_type_with_a_stack_has_a_pinned_node_image(kubernetes_version, instance):
    if instance.neuron and instance.family not in VERSIONS.neuron:
        with pytest.raises(KeyError):
            VERSIONS.node_image(kubernetes_version, instance)
        return

    release = VERSIONS.node_image(kubernetes_version, instance)

    assert release in {ami.release for ami in VERSIONS.kubernetes[kubernetes_version]}
    if not instance.neuron:
        assert release == VERSIONS.standard_release(kubernetes_version)


@FAMILIES
def test_images_carry_the_sdk_of_their_row(family):
    row = VERSIONS.neuron[family]

    assert row.images
    for use, image in row.images.items():
        assert use in ("train", "serve")
        assert f"-sdk{row.sdk}-" in image
        assert image.startswith("public.ecr.aws/neuron/")


@FAMILIES
def test_what_an_image_holds_is_said_and_on_what_ground_it_stands(family):
    for use in VERSIONS.neuron[family].uses.values():
        assert use.state in ("maintained", "frozen")
        assert bool(use.image) == bool(use.packages)
        assert all(numbers(version) for version in use.packages.values())


@FAMILIES
def test_a_family_of_the_versions_is_a_neuron_family_of_the_hardware(family):
    assert any(i.neuron for i in INSTANCES.values() if i.family == family)


def test_every_neuron_family_but_inf1_has_versions():
    neuron = {instance.family for instance in INSTANCES.values() if instance.neuron}

    assert neuron - VERSIONS.neuron.keys() == {"inf1"}


def test_the_endpoints_image_is_named_as_ecr_names_it():
    assert VERSIONS.sagemaker.uri("eu-west-1") == (
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/huggingface-vllm-inference-neuronx:"
        "0.11.0-optimum0.4.5-neuronx-py310-sdk2.26.1-ubuntu22.04"
    )


def test_the_endpoints_image_is_in_regions_that_rent_inf2():
    assert set(VERSIONS.sagemaker.regions) <= set(INSTANCES["inf2.xlarge"].zones) <= set(REGIONS)


def test_what_a_deployment_stands_on_is_named_as_the_calendar_names_it():
    used = VERSIONS.used("1.34", {"trn1", "trn2", "m7a"}, endpoints=True)

    assert used == {
        "Amazon Linux 2023",
        "Kubernetes 1.34",
        "Python 3.10",
        "Python 3.12",
        "Python 3.13",
        "Ubuntu 22.04",
        "Ubuntu 24.04",
    }
    assert VERSIONS.used("1.35", {"m7a"}, endpoints=False) == {
        "Amazon Linux 2023",
        "Kubernetes 1.35",
    }


def test_every_row_of_the_calendar_is_of_something_used():
    used = {
        subject
        for version in VERSIONS.kubernetes
        for subject in VERSIONS.used(version, VERSIONS.neuron, endpoints=True)
    }

    assert {row.subject for row in VERSIONS.support} <= used
    assert {f"Kubernetes {version}" for version in VERSIONS.kubernetes} <= {
        row.subject for row in VERSIONS.support
    }


@pytest.mark.parametrize("row", VERSIONS.support, ids=lambda row: row.subject)
def test_a_row_of_the_calendar_warns_before_it_ends(row):
    assert isinstance(row.warn_from, date) and isinstance(row.ends, date)
    assert row.warn_from < row.ends
    assert row.meanwhile and row.instead and row.source
