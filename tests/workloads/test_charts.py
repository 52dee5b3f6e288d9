import re

import pytest

from workloads.charts import Chart, mirrored
from workloads.versions import VERSIONS

REGISTRY = "111122223333.dkr.ecr.us-east-2.amazonaws.com"
CHARTS = pytest.mark.parametrize("chart", VERSIONS.charts.values(), ids=lambda chart: chart.name)


@pytest.mark.parametrize(
    ("upstream", "own"),
    [
        ("public.ecr.aws/neuron/neuron-scheduler:2.31", "/neuron/neuron-scheduler:2.31"),
        ("registry.k8s.io/kueue/kueue:v1@sha256:00", "/kueue/kueue:v1@sha256:00"),
        ("oci://registry.k8s.io/kueue/charts/kueue", "/kueue/charts/kueue"),
        ("https://kubernetes.github.io/autoscaler", "/autoscaler"),
    ],
)
def test_a_mirror_keeps_the_path_and_the_digest(upstream, own):
    scheme = "oci://" if "://" in upstream else ""

    assert mirrored(upstream, REGISTRY) == f"{scheme}{REGISTRY}{own}"
    assert mirrored(upstream, None) == upstream


def test_a_charts_values_name_its_images_where_it_looks_for_them():
    chart = Chart(
        name="neuron",
        repository="oci://public.ecr.aws/neuron/chart",
        version="1",
        pulls={"plugin.image": "public.ecr.aws/neuron/plugin:2"},
        by_kubernetes={
            "1.35": {"scheduler.custom.image": "public.ecr.aws/d/scheduler:v1.35@sha256:0a"},
            "1.36": {"scheduler.custom.image": "public.ecr.aws/d/scheduler:v1.36"},
        },
    )

    assert chart.values("1.35", REGISTRY) == {
        "plugin": {"image": {"repository": f"{REGISTRY}/neuron/plugin", "tag": "2"}},
        "scheduler": {
            "custom": {"image": {"repository": f"{REGISTRY}/d/scheduler", "tag": "v1.35@sha256:0a"}}
        },
    }
    assert chart.values("1.34") == {
        "plugin": {"image": {"repository": "public.ecr.aws/neuron/plugin", "tag": "2"}}
    }
    assert len(chart.images) == 3


def test_a_chart_may_want_the_registry_by_itself():
    chart = Chart(
        name="agent",
        repository="https://example.com/charts",
        version="1",
        registry_at="domains.public",
        pulls={"agent.image": "public.ecr.aws/watch/agent:1.2"},
    )

    [upstream, mirrored] = (chart.values("1.35", registry) for registry in (None, REGISTRY))

    image = {"repository": "agent", "tag": "1.2", "domains": {"public": "public.ecr.aws/watch"}}
    assert upstream == {"agent": {"image": image}}
    assert mirrored["agent"]["image"]["domains"] == {"public": f"{REGISTRY}/watch"}


def test_a_chart_of_a_helm_repository_is_an_artifact_of_the_own_registry():
    chart = VERSIONS.charts["cluster-autoscaler"]

    assert chart.source() == "https://kubernetes.github.io/autoscaler"
    assert chart.source(REGISTRY) == f"oci://{REGISTRY}/autoscaler/cluster-autoscaler"


@CHARTS
def test_a_chart_and_its_images_are_pinned(chart):
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", chart.version)
    assert chart.images
    for image in chart.images:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+:v?\d[\w.-]*(@sha256:[0-9a-f]{64})?", image)


@CHARTS
@pytest.mark.parametrize("kubernetes_version", VERSIONS.kubernetes)
def test_a_chart_pulls_something_on_every_kubernetes_version(chart, kubernetes_version):
    assert chart.images_on(kubernetes_version)
    assert set(chart.by_kubernetes) in (set(), set(VERSIONS.kubernetes))


def test_no_two_of_all_charts_and_images_share_a_place_in_a_mirror():
    places = [chart.source(REGISTRY).removeprefix("oci://") for chart in VERSIONS.charts.values()]
    images = {
        mirrored(image, REGISTRY).rpartition("/")[0] + "/" + image.rpartition("/")[2].split(":")[0]
        for chart in VERSIONS.charts.values()
        for image in chart.images
    }

    assert len(set(places)) == len(places)
    assert not images & set(places)
