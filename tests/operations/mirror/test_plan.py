import json
import re

import pytest

from operations.mirror.plan import plan
from stacks.cluster.platform import releases
from workloads.versions import VERSIONS

REGISTRY = "111122223333.dkr.ecr.us-west-2.amazonaws.com"
OUTSIDE = re.compile(
    r"(?:public\.ecr\.aws|registry\.k8s\.io|nvcr\.io|quay\.io|ghcr\.io|docker\.io|github\.io"
    r"|602401143452\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com)/[^\s\"']+"
)


@pytest.fixture
def closed(environments):
    return environments["closed"]


def targets(copies):
    return {copy.target for copy in copies}


def images(values):
    """Every image a table of values names, as "repository:tag"."""
    if isinstance(values, dict):
        if "repository" in values and "tag" in values:
            registry = values.get("repositoryDomainMap", {}).get("public", "")
            yield f"{registry}/{values['repository']}:{values['tag']}".removeprefix("/")
        for value in values.values():
            yield from images(value)


def text(value):
    """A template's string, with "…" for what is only known in the deployment."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else "…" for part in value["Fn::Join"][1])


def changed(environment, **pool):
    """The environment with its first pool changed."""
    data = environment.model_dump(exclude_unset=True)
    data["pools"] = [data["pools"][0] | pool]
    return type(environment).model_validate(data)


def test_what_the_cluster_installs_is_copied_and_nothing_else_is(closed):
    installed = releases(closed.cluster, closed.pools, cluster_name="c", region=closed.region)
    charts = [VERSIONS.charts[release.chart] for release in installed]

    copied = targets(copy for copy in plan(closed) if copy.kind == "chart")

    assert copied == {f"{chart.place}:{chart.version}" for chart in charts}


def test_the_templates_of_a_closed_environment_pull_only_what_is_copied(closed, stacks):
    copied = targets(plan(closed))
    charts = stacks("closed")["cluster"].every("Custom::AWSCDK-EKS-HelmChart")
    assert charts

    for chart in charts.values():
        place = chart["Repository"].removeprefix(f"oci://{REGISTRY}/")
        assert f"{place}:{chart['Version']}" in copied
        named = list(images(json.loads(text(chart["Values"]))))
        assert named, chart["Chart"]
        for image in named:
            assert image.removeprefix(f"{REGISTRY}/").partition("@")[0] in copied


def test_the_templates_of_a_closed_environment_name_nothing_outside(stacks):
    for name, stack in stacks("closed").items():
        assert OUTSIDE.findall(json.dumps(stack.template)) == [], name


def test_the_images_that_workloads_run_are_those_of_the_pools_families(closed):
    workloads = targets(copy for copy in plan(closed) if "pytorch-" in copy.target)

    assert workloads == {
        image.removeprefix("public.ecr.aws/") for image in VERSIONS.neuron["trn1"].images.values()
    }


@pytest.mark.parametrize(
    ("pool", "charts"),
    [
        ({"instance_type": "m7a.4xlarge"}, set()),
        ({"instance_type": "m7a.48xlarge", "efa": True}, {"aws-efa-k8s-device-plugin"}),
        ({"instance_type": "inf2.xlarge"}, {"neuron-helm-chart"}),
        (
            {"instance_type": "trn1.32xlarge", "max_nodes": 2},
            {"neuron-helm-chart", "aws-efa-k8s-device-plugin"},
        ),
        ({"instance_type": "g6e.xlarge"}, {"nvidia-device-plugin"}),
    ],
    ids=lambda value: value["instance_type"] if isinstance(value, dict) else "",
)
def test_a_plugin_is_copied_where_a_pool_needs_it(closed, pool, charts):
    environment = changed(closed, **{"capacity": {}, "zone": "usw2-az1", "max_nodes": 1} | pool)

    copied = {copy.target.partition(":")[0].rpartition("/")[2] for copy in plan(environment)}

    plugins = {"neuron-helm-chart", "aws-efa-k8s-device-plugin", "nvidia-device-plugin"}
    assert copied & plugins == charts
    assert {"kueue", "jobset", "cluster-autoscaler"} <= copied


def test_nothing_is_copied_where_there_is_a_way_out(environments):
    assert all(
        plan(environment) == []
        for environment in environments.values()
        if environment.network.egress == "nat"
    )


def test_no_two_copies_go_to_one_place(closed):
    copies = plan(closed)

    assert len(targets(copies)) == len(copies)
    for copy in copies:
        assert re.fullmatch(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*:[\w.-]{1,128}", copy.target)
