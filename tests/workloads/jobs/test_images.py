import re
from pathlib import Path

import pytest

from workloads.command import InputError
from workloads.jobs.images import image, tag
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

DOCKERFILE = (Path(__file__).parents[3] / "workloads" / "neuron.Dockerfile").read_text()


def pool(instance_type, registry="registry"):
    return Pool(name="p", instance_type=instance_type, registry=registry)


@pytest.mark.parametrize(
    ("instance_type", "name"),
    [("m7a.4xlarge", "cpu"), ("trn1.32xlarge", "neuron-sdk2.28.0")],
)
def test_a_pool_has_the_image_of_its_family(instance_type, name):
    assert image(pool(instance_type)) == f"registry/workloads:{name}"


@pytest.mark.parametrize("instance_type", ["inf2.8xlarge", "trn2.48xlarge", "p5.48xlarge"])
def test_a_family_without_a_training_image_is_a_sentence(instance_type):
    with pytest.raises(InputError, match="no training image is pinned"):
        image(pool(instance_type))


def test_without_a_registry_the_user_names_the_image():
    with pytest.raises(InputError, match="give --image"):
        image(pool("m7a.4xlarge", registry=None))


def test_the_image_is_built_from_the_one_that_the_version_table_pins():
    [base] = re.findall(r"^ARG BASE=(.+)$", DOCKERFILE, re.MULTILINE)

    assert base == VERSIONS.neuron["trn1"].uses["train"].image
    assert f"workloads:{tag(pool('trn1.32xlarge'))}" in DOCKERFILE
