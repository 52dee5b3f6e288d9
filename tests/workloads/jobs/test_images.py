import re

import pytest

from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError
from workloads.jobs import images as module
from workloads.jobs.images import ROOT, compiling_image, image, images, located
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

NAME = re.compile(r"registry/dev/workloads:(?P<kind>.+)-[0-9a-f]{12}")


def pool(instance_type, registry="registry", images="dev/workloads"):
    return Pool(name="p", instance_type=instance_type, registry=registry, images=images)


@pytest.mark.parametrize(
    ("instance_type", "kind"),
    [("m7a.4xlarge", "cpu"), ("trn1.32xlarge", "neuron-sdk2.28.0")],
)
def test_a_pool_has_the_image_of_its_family(instance_type, kind):
    assert NAME.fullmatch(image(pool(instance_type)))["kind"] == kind


@pytest.mark.parametrize("instance_type", ["inf2.8xlarge", "trn2.48xlarge", "p5.48xlarge"])
def test_a_family_without_a_training_image_is_a_sentence(instance_type):
    with pytest.raises(InputError, match="no training image is pinned"):
        image(pool(instance_type))


@pytest.mark.parametrize("lacks", ["registry", "images"])
def test_without_a_repository_the_user_names_the_image(lacks):
    with pytest.raises(InputError, match="give --image"):
        image(pool("m7a.4xlarge", **{lacks: None}))


def test_an_image_of_somebody_elses_stays_as_it_is():
    assert located("public.ecr.aws/a/b:c", pool("m7a.4xlarge", registry=None)) == (
        "public.ecr.aws/a/b:c"
    )


def test_whatever_a_job_may_ask_for_is_built():
    """Of every type of every family that something is pinned for."""
    built = {one.name for one in images("us-east-2")}
    types = ("inf2.xlarge", "trn2.48xlarge", "trn1.32xlarge", "ml.inf2.xlarge")
    asked = {compiling_image(toolchain(name, "serve").image).name for name in types}
    asked.add(compiling_image(toolchain("trn1.32xlarge", "train").image).name)
    asked |= {
        image(pool(name)).replace("registry/dev/workloads:", "workloads:")
        for name in ("m7a.4xlarge", "trn1.32xlarge", "trn1.2xlarge")
    }

    assert asked == built


def test_no_two_images_share_a_tag_and_all_are_legal():
    """A tag: 128 characters at most (distribution/reference, reference.go)."""
    tags = [one.tag for one in images("us-east-2")]

    assert len(set(tags)) == len(tags)
    assert all(re.fullmatch(r"[\w][\w.-]{0,127}", tag) for tag in tags)


def test_tags_are_the_same_in_every_region():
    first, *others = VERSIONS.sagemaker.regions

    for other in others:
        assert [i.tag for i in images(other)] == [i.tag for i in images(first)]


@pytest.mark.parametrize("file", ["constraints.txt", "workloads/a.py", "workloads/train/b.toml"])
def test_another_content_is_another_tag(tmp_path, monkeypatch, file):
    for name in ("constraints.txt", "workloads/a.py", "workloads/train/b.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    before = module.contents.__wrapped__()

    (tmp_path / "workloads" / "__pycache__").mkdir()
    (tmp_path / "workloads" / "__pycache__" / "a.pyc").write_text("x")
    assert module.contents.__wrapped__() == before
    (tmp_path / file).write_text("changed")

    assert module.contents.__wrapped__() != before


def test_the_training_image_is_built_from_the_one_that_the_version_table_pins():
    text = (ROOT / "workloads/neuron.Dockerfile").read_text()
    [base] = re.findall(r"^ARG BASE=(.+)$", text, re.MULTILINE)

    assert base == VERSIONS.neuron["trn1"].uses["train"].image


def test_a_base_may_be_pinned_by_its_digest():
    base = "public.ecr.aws/neuron/pytorch:2.9-sdk2.28"
    pinned = compiling_image(f"{base}@sha256:{'0' * 64}")

    assert pinned.kind == compiling_image(base).kind == "compile-pytorch-2.9-sdk2.28"
    assert pinned.tag != compiling_image(base).tag
