import pytest

from stacks.cluster.charts import scaling
from workloads.charts import mirrored
from workloads.versions import VERSIONS

REGISTRY = "111122223333.dkr.ecr.us-east-2.amazonaws.com"
PARTS = ("keda", "metricsApiServer", "webhooks")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("registry", [None, REGISTRY])
def test_the_chart_puts_no_registry_before_an_image_that_has_one(part, registry):
    """Its template writes "registry/repository:tag", and without a registry the rest alone."""
    pinned = VERSIONS.charts["keda"]
    image = pinned.values("1.35", registry)["image"][part] | scaling.values()["image"][part]

    written = "/".join(filter(None, (image["registry"], image["repository"]))) + f":{image['tag']}"

    assert written == mirrored(pinned.images_on("1.35")[f"image.{part}"], registry)


def test_every_part_is_of_the_charts_version_which_asks_all_pods_of_a_service():
    """workloads/deploy/manifests.py needs 2.20: aggregateFromKubeServiceEndpoints."""
    chart = VERSIONS.charts["keda"]

    assert {image.partition("@")[0].rpartition(":")[2] for image in chart.images} == {chart.version}
    assert tuple(map(int, chart.version.split("."))) >= (2, 20)


def test_no_part_reads_secrets_of_others():
    permissions = scaling.values()["permissions"]

    assert permissions["operator"]["restrict"]["secret"] is True
    assert permissions["metricServer"]["restrict"]["secret"] is True


@pytest.mark.parametrize("part", ["operator", "metricsServer", "webhooks"])
def test_every_pod_stays_on_the_system_nodes(part):
    assert scaling.values()[part] == {"nodeSelector": {"pool": "system"}}
