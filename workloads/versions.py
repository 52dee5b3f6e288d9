"""Which versions belong together: versions.toml beside this file, read once and typed.

Standard library only. The comments of versions.toml say where each row comes from; the limits
between the rows are version_rules.toml. How a deployment uses the two:

    mistakes = VERSIONS.conflicts()                 # of the table itself; none may be left
    seen = VERSIONS.used("1.35", {"trn1"}, endpoints=False)
    said = notices(today, seen, VERSIONS.support)   # workloads.support: warnings and refusals
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from workloads.charts import Chart
from workloads.charts import mirrored as mirrored
from workloads.hardware import Instance
from workloads.support import Support
from workloads.version_rules import broken, numbers

# The C library of the systems images are built on: release-notes/components/runtime.rst of
# aws-neuron-sdk, compatibility table of 2.32.
_GLIBC = {"ubuntu22.04": "2.35", "ubuntu24.04": "2.39", "amzn2023": "2.34"}


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a family's containers hold for one use, and on what ground that stands."""

    stack: str
    state: str  # "maintained", or "frozen": critical fixes at most
    until: str  # what is published of its end
    image: str | None = None  # None: none is published with a tag
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NeuronStack:
    """A family's Neuron SDK; `uses` maps "train" and "serve" to what the containers hold."""

    sdk: str
    runtime: str
    compiler: str
    collectives: str
    uses: Mapping[str, Use]

    @property
    def images(self) -> dict[str, str]:
        """Use -> image URI, where there is an image."""
        return {name: use.image for name, use in self.uses.items() if use.image}

    def runs_on(self, driver: str) -> bool:
        """Whether the runtime starts on this kernel driver, by the published limits."""
        return not broken({"runtime": self.runtime, "driver": driver})


@dataclass(frozen=True, kw_only=True)
class NeuronAmi:
    """A release of EKS's node images, as a managed node group's `releaseVersion`.

    `driver` is the one in the Neuron variant; the release has the same name in every variant, and
    the same modules of the network.
    """

    release: str
    driver: str
    ena: str = ""
    efa: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What version_rules.toml asks of a node."""
        known = {"driver": self.driver, "ena": self.ena, "efa": self.efa}
        node = {"node": self.release.partition("-")[0]}
        return node | {name: version for name, version in known.items() if version}


@dataclass(frozen=True, kw_only=True)
class SageMakerImage:
    """What SageMaker endpoints on Neuron run, for which families, and where AWS publishes it."""

    families: tuple[str, ...]
    repository: str
    tag: str
    inference_ami: str
    account: str
    regions: tuple[str, ...]
    sdk: str
    stack: str
    state: str
    until: str
    packages: Mapping[str, str]

    def uri(self, region: str) -> str:
        return f"{self.account}.dkr.ecr.{region}.amazonaws.com/{self.repository}:{self.tag}"


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Everything versions.toml says."""

    kubernetes: Mapping[str, tuple[NeuronAmi, ...]]  # Kubernetes version -> node images
    neuron: Mapping[str, NeuronStack]  # instance family -> its stack
    sagemaker: SageMakerImage
    charts: Mapping[str, Chart] = field(default_factory=dict)
    support: tuple[Support, ...] = ()

    def neuron_ami(self, kubernetes_version: str, family: str) -> NeuronAmi | None:
        """The newest node image of a Kubernetes version whose driver runs the family's stack.

        None: no such image is known. KeyError: the version or the family is not in the table.
        """
        stack = self.neuron[family]
        fitting = [a for a in self.kubernetes[kubernetes_version] if stack.runs_on(a.driver)]
        return max(fitting, key=lambda ami: numbers(ami.release), default=None)

    def standard_release(self, kubernetes_version: str) -> str:
        """The newest node image release known for a Kubernetes version. KeyError: it has none."""
        return self._newest(kubernetes_version).release

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

    def used(
        self, kubernetes_version: str, families: Iterable[str], *, endpoints: bool
    ) -> set[str]:
        """What a deployment stands on, as the subjects of `support` name it.

        `families`: those of its pools; one without a Neuron stack adds nothing. `endpoints`:
        whether it has SageMaker endpoints.
        """
        images = [
            (use.image, use.packages)
            for family in families
            for use in (self.neuron[family].uses.values() if family in self.neuron else ())
        ]
        if endpoints:
            images.append((self.sagemaker.tag, self.sagemaker.packages))
        subjects = {f"Kubernetes {kubernetes_version}", "Amazon Linux 2023"}
        for image, packages in images:
            if system := re.search(r"ubuntu([\d.]+)$", image or ""):
                subjects.add(f"Ubuntu {system[1]}")
            if "python" in packages:
                subjects.add("Python {}.{}".format(*numbers(packages["python"])))
        return subjects

    def conflicts(self) -> list[str]:
        """What in the table does not go together, a sentence each. An empty list is the rule.

        Every family and use is held to every Kubernetes version, its node image and its charts.
        """
        return list(self._conflicts)

    @cached_property
    def _conflicts(self) -> tuple[str, ...]:
        found: dict[tuple[str, ...], set[str]] = {}
        for place, facts in self._combinations():
            for rule in broken(facts):
                sentence = rule.sentence(facts)
                # What was said of a part of this place need not be said of all of it.
                if not any(set(of) <= set(place) and sentence in found[of] for of in found):
                    found.setdefault(place, set()).add(sentence)
        return tuple(
            f"{', '.join(place)}: {said}" for place in found for said in sorted(found[place])
        )

    def _combinations(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        """Where, and the facts there; a part before the whole."""
        rows = {
            (family, name): {
                "family": family,
                "use": name,
                "sdk": stack.sdk,
                "runtime": stack.runtime,
                **_image(use.image),
                **use.packages,
            }
            for family, stack in self.neuron.items()
            for name, use in stack.uses.items()
        }
        image = self.sagemaker
        for family in image.families:
            row = {"family": family, "use": "serve", "sdk": image.sdk, **_image(image.tag)}
            yield ("SageMaker", family), {**row, **image.packages}
        yield from rows.items()
        for version, amis in self.kubernetes.items():
            cluster = self._cluster(version)
            yield (f"Kubernetes {version}",), cluster
            for ami in amis:
                node = (f"Kubernetes {version}", f"node image {ami.release}")
                yield node, cluster | ami.facts
            for place, row in rows.items():
                ami = self.neuron_ami(version, place[0]) or self._newest(version)
                node = (f"Kubernetes {version}", f"node image {ami.release}")
                yield (*place, *node), cluster | ami.facts | row

    def _newest(self, kubernetes_version: str) -> NeuronAmi:
        return max(self.kubernetes[kubernetes_version], key=lambda ami: numbers(ami.release))

    def _cluster(self, kubernetes_version: str) -> dict[str, str]:
        """The facts of a cluster: its version, and its charts' images by name."""
        facts = {"kubernetes": kubernetes_version}
        for chart in self.charts.values():
            for image in chart.images_on(kubernetes_version).values():
                if tagged := re.search(r"/([^/:]+):v?(\d+(?:\.\d+)*)", image):
                    facts[tagged[1]] = tagged[2]
        return facts


def _image(image: str | None) -> dict[str, str]:
    """The facts that an image's tag tells."""
    facts = {}
    if sdk := re.search(r"-sdk([\d.]+)-", image or ""):
        facts["image-sdk"] = sdk[1]
    if (system := (image or "").rpartition("-")[2]) in _GLIBC:
        facts["glibc"] = _GLIBC[system]
    return facts


def read(text: str) -> Versions:
    """The table of a versions.toml. Raises KeyError or TypeError where a row is incomplete."""
    table: dict[str, Any] = tomllib.loads(text)
    image: dict[str, Any] = table["sagemaker"]
    lists = {key: tuple(image[key]) for key in ("families", "regions")}
    return Versions(
        kubernetes={
            version: tuple(
                NeuronAmi(release=release, **row) for release, row in entry["neuron_ami"].items()
            )
            for version, entry in table["kubernetes"].items()
        },
        neuron={family: _stack(row) for row in table["neuron"] for family in row["families"]},
        sagemaker=SageMakerImage(**image | lists),
        charts={
            name: Chart(**{"pulls" if k == "images" else k: v for k, v in row.items()})
            for name, row in table["charts"].items()
        },
        support=tuple(Support(**row) for row in table["support"]),
    )


def _stack(row: dict[str, Any]) -> NeuronStack:
    uses: dict[str, Use] = {name: Use(**row[name]) for name in ("train", "serve") if name in row}
    rest = {k: v for k, v in row.items() if k not in uses and k != "families"}
    return NeuronStack(uses=uses, **rest)


VERSIONS = read((Path(__file__).parent / "versions.toml").read_text("utf-8"))
