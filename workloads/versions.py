"""Which versions belong together: versions.toml beside this file, read once and typed.

Standard library only. The comments of versions.toml say where each row comes from.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workloads.charts import Chart
from workloads.charts import mirrored as mirrored
from workloads.hardware import Instance


@dataclass(frozen=True, kw_only=True)
class NeuronStack:
    """What a family's containers hold. `images` maps a use ("train", "serve") to an image URI."""

    sdk: str
    runtime: str
    compiler: str
    images: Mapping[str, str]

    def runs_on(self, driver: str) -> bool:
        """Whether the runtime starts on this kernel driver, by the two published limits."""
        if numbers(driver) >= (2, 29):
            return numbers(self.runtime) >= (2, 33)
        return numbers(driver) >= (2, 27) or numbers(self.runtime) < (2, 32)


@dataclass(frozen=True, kw_only=True)
class NeuronAmi:
    """A release of EKS's node images, as a managed node group's `releaseVersion`.

    `driver` is the one in the Neuron variant; the release has the same name in every variant.
    """

    release: str
    driver: str
    efa: str = ""  # the EFA kernel module, in every variant


@dataclass(frozen=True, kw_only=True)
class SageMakerImage:
    """What SageMaker endpoints on Neuron run, for which families, and where AWS publishes it."""

    families: tuple[str, ...]
    repository: str
    tag: str
    inference_ami: str
    account: str
    regions: tuple[str, ...]

    def uri(self, region: str) -> str:
        return f"{self.account}.dkr.ecr.{region}.amazonaws.com/{self.repository}:{self.tag}"


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Everything versions.toml says."""

    kubernetes: Mapping[str, tuple[NeuronAmi, ...]]  # Kubernetes version -> Neuron node images
    neuron: Mapping[str, NeuronStack]  # instance family -> its stack
    sagemaker: SageMakerImage
    charts: Mapping[str, Chart] = field(default_factory=dict)
    # Kubernetes version -> add-on -> version. Empty: EKS's default for the cluster's version is
    # taken, because no published source lists which versions go with which.
    addons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def neuron_ami(self, kubernetes_version: str, family: str) -> NeuronAmi | None:
        """The newest node image of a Kubernetes version whose driver runs the family's stack.

        None: no such image is known. KeyError: the version or the family is not in the table.
        """
        stack = self.neuron[family]
        fitting = [a for a in self.kubernetes[kubernetes_version] if stack.runs_on(a.driver)]
        return max(fitting, key=lambda ami: numbers(ami.release), default=None)

    def standard_release(self, kubernetes_version: str) -> str:
        """The newest node image release known for a Kubernetes version. KeyError: it has none."""
        return max((a.release for a in self.kubernetes[kubernetes_version]), key=numbers)

    def node_image(self, kubernetes_version: str, instance: Instance) -> str:
        """The node image release of a pool: for Neuron, the newest whose driver runs its stack.

        LookupError: the table has no such image, or no stack for the family.
        """
        if not instance.neuron:
            return self.standard_release(kubernetes_version)
        ami = self.neuron_ami(kubernetes_version, instance.family)
        if ami is None:
            raise LookupError(
                f"no node image of Kubernetes {kubernetes_version} runs the Neuron SDK of "
                f"{instance.name} ({self.neuron[instance.family].sdk})"
            )
        return ami.release


def numbers(version: str) -> tuple[int, ...]:
    """The parts of a version, for comparing: (1, 35, 6, 20260625) of "1.35.6-20260625"."""
    return tuple(int(part) for part in re.split(r"[.-]", version))


def _read(table: dict[str, Any]) -> Versions:
    image = table["sagemaker"]
    return Versions(
        kubernetes={
            version: tuple(
                NeuronAmi(release=release, **row) for release, row in entry["neuron_ami"].items()
            )
            for version, entry in table["kubernetes"].items()
        },
        neuron={
            family: NeuronStack(**{k: v for k, v in row.items() if k != "families"})
            for row in table["neuron"]
            for family in row["families"]
        },
        sagemaker=SageMakerImage(
            **image | {"families": tuple(image["families"]), "regions": tuple(image["regions"])}
        ),
        charts={name: _chart(row) for name, row in table["charts"].items()},
    )


def _chart(row: dict[str, Any]) -> Chart:
    return Chart(pulls=row.pop("images", {}), **row)


VERSIONS = _read(tomllib.loads((Path(__file__).parent / "versions.toml").read_text("utf-8")))
