"""A Helm chart as it is pinned: where it is taken from, and the images it pulls.

An account without a way out takes both from its own registry, under the path they have upstream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Images = Mapping[str, str]  # place in the chart's values, such as "devicePlugin.image" -> image


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart. `repository` is an OCI URI that names it, or a Helm repository's HTTPS address."""

    name: str
    repository: str
    version: str
    digest: str | None = None  # of the chart itself, where a source publishes it
    # Beside an image's place, where a chart wants what comes before the image's name by itself.
    registry_at: str | None = None
    pulls: Images = field(default_factory=dict)  # what it pulls on every Kubernetes version
    by_kubernetes: Mapping[str, Images] = field(default_factory=dict)

    @property
    def images(self) -> tuple[str, ...]:
        """Every image the chart may pull, on any Kubernetes version."""
        return tuple(
            image
            for images in (self.pulls, *self.by_kubernetes.values())
            for image in images.values()
        )

    def images_on(self, kubernetes_version: str) -> dict[str, str]:
        """Place in the values -> image, for a cluster of this version."""
        return {**self.pulls, **self.by_kubernetes.get(kubernetes_version, {})}

    def values(self, kubernetes_version: str, registry: str | None = None) -> dict[str, Any]:
        """The part of the chart's values that names its images, from `registry` where given."""
        values: dict[str, Any] = {}
        for place, image in self.images_on(kubernetes_version).items():
            table = _table(values, place)
            path, _, name = mirrored(image, registry).rpartition("/")
            name, _, tag = name.partition(":")
            if self.registry_at:
                *tables, key = self.registry_at.split(".")
                _table(table, ".".join(tables))[key] = path
            else:
                name = f"{path}/{name}"
            table.update(repository=name, tag=tag)
        return values

    @property
    def place(self) -> str:
        """Where a mirror keeps the chart."""
        path = place(self.repository)
        return path if self.repository.startswith("oci://") else f"{path}/{self.name}"

    def source(self, registry: str | None = None) -> str:
        """The `repository` to install from; the account's own registry holds charts as OCI."""
        return f"oci://{registry}/{self.place}" if registry else self.repository


def _table(values: dict[str, Any], path: str) -> dict[str, Any]:
    """The table at a dotted path, made where there is none."""
    for key in path.split("."):
        values = values.setdefault(key, {})
    return values


def place(uri: str) -> str:
    """Where a mirror keeps an upstream image or chart: at the path it has upstream, tag and all."""
    return uri.rpartition("://")[2].partition("/")[2]


def mirrored(uri: str, registry: str | None) -> str:
    """Where `operations.mirror` puts an upstream image or chart; without a registry, upstream.

    `uri` is "host/path:tag@digest", "oci://host/path" or "https://host/path", the last two becoming
    "oci://registry/path".
    """
    if not registry:
        return uri
    return f"{'oci://' if '://' in uri else ''}{registry}/{place(uri)}"
