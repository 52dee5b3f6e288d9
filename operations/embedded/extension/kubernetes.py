"""What the emulated clusters would hold: Helm releases and Kubernetes objects, as records.

No API server runs. A record refuses what an API server refuses: an object that breaks its schema,
a kind that no installed chart brought, a namespace that does not exist, a name that is taken.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from operations.embedded.extension.kinds import (
    CHARTS,
    FOR_CLUSTER,
    PRUNED,
    CustomKinds,
)
from operations.manifests import NO_SCHEMA, has_schema, problems

Object = Mapping[str, Any]
Key = tuple[str, str, str, str]  # API group, kind, namespace ("": the whole cluster), name

_FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass
class Contents:
    """One cluster's releases and objects."""

    version: str  # of Kubernetes: major and minor
    releases: dict[tuple[str, str], Object] = field(default_factory=dict)  # by namespace and name
    objects: dict[Key, Object] = field(default_factory=dict)
    _charts: dict[str, CustomKinds] = field(default_factory=dict)  # installed, by name

    def __post_init__(self) -> None:
        for name in _FIRST_NAMESPACES:
            self._add_namespace(name)

    def install(self, release: Object) -> None:
        """Record a release: the properties of CloudFormation's Helm chart."""
        namespace = release["Namespace"]
        if str(release.get("CreateNamespace")).lower() == "true":
            self._add_namespace(namespace)
        self._need_namespace(namespace, f"the release {release['Release']}")
        self.releases[namespace, release["Release"]] = release
        if kinds := CHARTS.get(chart_name(release)):
            self._charts[chart_name(release)] = kinds

    def uninstall(self, namespace: str, name: str) -> None:
        """Forget a release, and every object whose kind goes with its chart."""
        release = self.releases.pop((namespace, name), {})
        kinds = self._charts.get(chart_name(release))
        if kinds and not kinds.kept:
            del self._charts[chart_name(release)]
            gone = kinds.names
            self.objects = {key: o for key, o in self.objects.items() if key[1] not in gone}

    def put(self, manifests: Iterable[Object], *, new: bool) -> None:
        """Add objects in order, all or none; with `new`, none of them may exist before."""
        before = dict(self.objects)
        try:
            for manifest in manifests:
                key = self._admit(manifest)
                if new and key in self.objects:
                    raise ValueError(f"{title(manifest)} exists already")
                self.objects[key] = manifest
        except ValueError:
            self.objects = before
            raise

    def prune(self, old: Iterable[Object], new: Iterable[Object]) -> None:
        """Delete what is in `old` and not in `new`, of the kinds that kubectl prunes."""
        kept = {key_of(manifest) for manifest in new}
        self.remove(
            manifest
            for manifest in old
            if key_of(manifest) not in kept and manifest["kind"] in PRUNED
        )

    def remove(self, manifests: Iterable[Object]) -> None:
        """Delete objects; what is gone already is no error. A namespace takes all that is in it."""
        for manifest in manifests:
            key = key_of(manifest)
            self.objects.pop(key, None)
            if key[1] == "Namespace":
                self.objects = {k: o for k, o in self.objects.items() if k[2] != key[3]}

    def listing(self) -> dict[str, Any]:
        """Releases and objects, each of these with whether a schema was at hand for it."""
        objects = [
            {"manifest": manifest, "has_schema": has_schema(manifest, self.version)}
            for manifest in self.objects.values()
        ]
        return {"releases": list(self.releases.values()), "objects": objects}

    def _admit(self, manifest: Object) -> Key:
        """The object's key; ValueError for what an API server would refuse."""
        if not self._serves(manifest):
            charts = ", ".join(sorted(self._charts)) or "none"
            raise ValueError(
                f"no kind {manifest.get('kind')} in {manifest.get('apiVersion')}: Kubernetes "
                f"{self.version} has none, and no installed chart brings it (charts that bring "
                f"kinds: {charts})"
            )
        found = problems(manifest, self.version)
        if wrong := [problem for problem in found if not problem.startswith(NO_SCHEMA)]:
            raise ValueError(f"{title(manifest)} is invalid: {'; '.join(wrong)}")
        key = key_of(manifest)
        if key[2]:
            self._need_namespace(key[2], title(manifest))
        return key

    def _serves(self, manifest: Object) -> bool:
        kind, api_version = manifest.get("kind"), manifest.get("apiVersion")
        if any(api_version in kinds.api_versions for kinds in CHARTS.values()):
            return any(
                api_version in kinds.api_versions and kind in kinds.names
                for kinds in self._charts.values()
            )
        return has_schema(manifest, self.version)

    def _add_namespace(self, name: str) -> None:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.objects.setdefault(key_of(namespace), namespace)

    def _need_namespace(self, name: str, what: str) -> None:
        if ("", "Namespace", "", name) not in self.objects:
            raise ValueError(f"{what} needs the namespace {name}, which does not exist")


class Clusters:
    """The contents of every emulated cluster. One change at a time: stacks deploy on threads."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, str, str], tuple[Any, Contents]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def opened(self, account: str, region: str, cluster: Mapping[str, Any]) -> Iterator[Contents]:
        """The contents of a cluster as EKS describes it; empty when it is newly made."""
        with self._lock:
            place = (account, region, cluster["name"])
            made, contents = self._contents.get(place, (None, None))
            if contents is None or made != cluster["createdAt"]:
                contents = Contents(version=cluster["version"])
                self._contents[place] = cluster["createdAt"], contents
            yield contents

    def listing(self, account: str, region: str, name: str) -> dict[str, Any]:
        """What a cluster holds, for JSON; nothing where nothing was ever added."""
        with self._lock:
            _, contents = self._contents.get((account, region, name), (None, None))
            return contents.listing() if contents else {"releases": [], "objects": []}


def key_of(manifest: Object) -> Key:
    kind, metadata = manifest["kind"], manifest["metadata"]
    namespace = "" if kind in FOR_CLUSTER else metadata.get("namespace", "default")
    return manifest["apiVersion"].rpartition("/")[0], kind, namespace, metadata["name"]


def title(manifest: Object) -> str:
    """The object in a sentence, such as `LocalQueue workloads/trn1`."""
    metadata = manifest.get("metadata") or {}
    place = [metadata["namespace"]] if "namespace" in metadata else []
    return f"{manifest.get('kind')} {'/'.join([*place, str(metadata.get('name', ''))])}"


def chart_name(release: Object) -> str:
    """The last part of the chart's name, whichever registry it comes from."""
    return str(release.get("Chart", "")).rpartition("/")[2]
