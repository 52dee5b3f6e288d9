"""What has to be copied for an environment, and where it goes."""

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.config import EnvironmentConfig, NodePoolConfig
from workloads.charts import Chart, place
from workloads.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One chart or image: where it comes from, and its place below the registry, "path:tag".

    `source` is an OCI reference; for a chart of a Helm repository it is that repository's address,
    which the last parts of `target` complete.
    """

    kind: str  # "chart" or "image"
    source: str
    target: str

    @property
    def repository(self) -> str:
        """The ECR repository that must exist."""
        return self.target.partition(":")[0]


def plan(environment: EnvironmentConfig) -> list[Copy]:
    """Charts first, then images, each once; nothing where the network has a way out.

    Of a chart every image is copied that a switch of the environment may turn on. EKS's own add-ons
    and the images of SageMaker and of the gateway come from ECR in the region, which the network
    reaches by its endpoints.
    """
    if environment.network.egress != "private":
        return []
    charts = list(_charts(environment.pools))
    version = environment.cluster.kubernetes_version
    images = [image for chart in charts for image in chart.images_on(version).values()]
    images += [
        image
        for family in dict.fromkeys(pool.hardware.family for pool in environment.pools)
        if family in VERSIONS.neuron
        for image in VERSIONS.neuron[family].images.values()
    ]
    return [*map(_chart, charts), *map(_image, dict.fromkeys(images))]


def _charts(pools: tuple[NodePoolConfig, ...]) -> Iterator[Chart]:
    """What stacks/cluster/platform.py installs; the test of this file holds the two together."""
    needed = {
        "neuron": any(pool.hardware.neuron for pool in pools),
        "nvidia-device-plugin": any(pool.hardware.nvidia for pool in pools),
        "efa-device-plugin": any(pool.efa for pool in pools),
        "cloudwatch": any(pool.hardware.chip or pool.efa for pool in pools),
        "keda": any(pool.hardware.neuron for pool in pools),
    }
    return (chart for name, chart in VERSIONS.charts.items() if needed.get(name, True))


def _chart(chart: Chart) -> Copy:
    upstream = chart.repository
    if upstream.startswith("oci://"):
        digest = f"@{chart.digest}" if chart.digest else ""
        upstream = f"{upstream.removeprefix('oci://')}:{chart.version}{digest}"
    return Copy(kind="chart", source=upstream, target=f"{chart.place}:{chart.version}")


def _image(image: str) -> Copy:
    return Copy(kind="image", source=image, target=place(image).partition("@")[0])
