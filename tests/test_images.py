"""Every image that is built on, or that a template or a job names, is pinned.

By digest; where the registry's owner publishes none, by a version's tag, with the reason here.
"""

import json
import re

import pytest

from workloads.charts import mirrored
from workloads.jobs.images import ROOT, images
from workloads.versions import VERSIONS

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
# The CDK's own repository: the tag is the digest of what is built, and is never overwritten.
ASSET = re.compile(r"/cdk-[a-z0-9]+-container-assets-[^:]+:[0-9a-f]{64}$")
# Where an environment without a way out pulls from; copies keep path, tag and digest.
MIRROR = "111122223333.dkr.ecr.us-west-2.amazonaws.com"
FLOATING = {"latest", "stable", "main", "edge", "nightly", ""}

# Beginning of an image's name -> why a digest is not known.
BY_TAG = {
    "public.ecr.aws/neuron/": "AWS names a release of Neuron's images by its tag alone",
    "public.ecr.aws/cloudwatch-agent/": "AWS's chart of the agent names a release by its tag alone",
    "nvcr.io/nvidia/k8s/dcgm-exporter": "AWS's chart of the agent names it by its tag; no source "
    "that we found has its digest",
    "public.ecr.aws/eks-distro/": "the release page of EKS Distro has tags alone",
    "602401143452.dkr.ecr.": "EKS's add-on registry, which only an account may ask",
    "763104351884.dkr.ecr.": "SageMaker's registry, which only an account may ask",
    "registry.k8s.io/node-problem-detector/": "Neuron's chart names it by its tag; no source "
    "that we found has the digest of v1.35.2",
    # What an environment file may name; these are the tests' and the demo's.
    "111122223333.dkr.ecr.us-east-2.amazonaws.com/ai-silicon/gateway": "the demo's, which is "
    "accepted and not pulled",
    "public.ecr.aws/example/gateway": "of an environment file; whoever writes it decides",
    "444455556666.dkr.ecr.us-west-2.amazonaws.com/gateway@sha256:0123": "a digest cut short",
}
environment_names = pytest.mark.parametrize(
    "environment", ["demo", "dev", "prod", "closed", "open"]
)


def text(value):
    """A template's string, with … for what is only known in the deployment."""
    if isinstance(value, str):
        return value
    [(function, arguments)] = value.items()
    if arguments == "AWS::URLSuffix":
        return "amazonaws.com"
    if function == "Fn::Join":
        return "".join(map(text, arguments[1]))
    return arguments if function == "Fn::Sub" else "…"


def named(value):
    """Every image in a template: of containers, and in the values of charts."""
    if isinstance(value, list):
        for one in value:
            yield from named(one)
    elif isinstance(value, dict):
        if "Fn::Join" in value:
            value = text(value)
            yield from named(json.loads(value) if value.startswith(('{"', "[{")) else [])
            return
        if {"repository", "tag"} <= set(value):
            registry = value.get("repositoryDomainMap", {}).get("public", "")
            yield f"{registry}/{value['repository']}:{value['tag']}".removeprefix("/")
        for key, inner in value.items():
            if key in ("image", "Image") and "repository" not in inner:
                yield from [text(inner)] if isinstance(inner, str) or len(inner) == 1 else []
            yield from named(inner)
    elif isinstance(value, str) and value.startswith(('{"', "[{")):
        yield from named(json.loads(value))


def built_on(dockerfile):
    lines = dockerfile.read_text().splitlines()
    given = dict(
        re.match(r"ARG (\w+)=(.+)", line).groups()
        for line in lines
        if "ARG" in line[:3] and "=" in line
    )
    for line in lines:
        if match := re.match(r"FROM (?:\$\{(\w+)\}|(\S+))", line):
            yield given.get(match[1], "") if match[1] else match[2]


def unpinned(found):
    return sorted(
        image
        for image in set(found)
        if not DIGEST.search(image)
        and not ASSET.search(image)
        and not any(image.startswith((known, mirrored(known, MIRROR))) for known in BY_TAG)
    )


@environment_names
def test_what_a_template_names_is_pinned(stacks, environment):
    found = [image for stack in stacks(environment).values() for image in named(stack.template)]

    assert len(set(found)) > 5
    assert unpinned(found) == []


def test_what_is_built_on_is_pinned():
    dockerfiles = sorted({*ROOT.glob("workloads/**/*Dockerfile")})
    # BASE of the last has no default: whoever builds gives it, from versions.toml.
    found = [base for file in dockerfiles for base in built_on(file) if base]
    given = [one.base for one in images("us-east-2") if one.base]

    assert len(dockerfiles) == 4
    assert len(found) == 3
    assert unpinned([*found, *given]) == []


def test_what_versions_toml_names_is_pinned():
    found = [image for stack in VERSIONS.neuron.values() for image in stack.images.values()]
    found += [image for chart in VERSIONS.charts.values() for image in chart.images]
    found += [VERSIONS.sagemaker.uri(region) for region in VERSIONS.sagemaker.regions]

    assert unpinned(found) == []
    for image in found:
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d", tag), image
        assert tag not in FLOATING


def test_each_reason_is_of_an_image_there_is(stacks, environments):
    found = {
        image
        for environment in environments
        for stack in stacks(environment).values()
        for image in named(stack.template)
    }
    found |= {image for stack in VERSIONS.neuron.values() for image in stack.images.values()}
    found |= {image for chart in VERSIONS.charts.values() for image in chart.images}

    for known in BY_TAG:
        assert any(image.startswith(known) and not DIGEST.search(image) for image in found), known


def test_the_repository_scans_what_is_pushed_and_lets_no_tag_move(stacks, environments):
    repositories = [
        properties
        for environment in environments
        for stack in stacks(environment).values()
        for properties in stack.every("AWS::ECR::Repository").values()
    ]

    assert len(repositories) == len(environments)
    for properties in repositories:
        assert properties["ImageTagMutability"] == "IMMUTABLE"
        assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert properties["EncryptionConfiguration"]["EncryptionType"] == "KMS"


def test_what_floats_is_found():
    assert unpinned(["python:3.11", "docker.io/library/redis:latest"]) == [
        "docker.io/library/redis:latest",
        "python:3.11",
    ]
    assert unpinned([f"python:3.11@sha256:{'0' * 64}"]) == []
