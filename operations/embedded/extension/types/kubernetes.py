"""Helm charts and Kubernetes objects, as the CDK's custom resources ask for them.

On AWS a function runs `helm` and `kubectl` for them (aws-cdk-lib, aws_eks_v2's kubectl provider);
here the same requests change a record of the cluster.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from operations.embedded.extension.handler import Call, Created, Handler, Properties, is_gone
from operations.embedded.extension.kubernetes import Clusters, Contents

CLUSTERS = Clusters()
_EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


class HelmChart:
    """One release. Its name and namespace may change, and then the old one stays, as on AWS."""

    type = "Custom::AWSCDK-EKS-HelmChart"
    create_only = ("ClusterName",)

    def create(self, call: Call, properties: Properties) -> Created:
        release = release_of(properties)
        where = (release["Namespace"], release["Release"])
        with _opened(call, properties) as contents:
            if where in contents.releases:
                raise ValueError(
                    f"the release {where[1]} exists already in the namespace {where[0]}: it would "
                    "be taken over"
                )
            contents.install(release)
        return Created("|".join([properties["ClusterName"], *where]))

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        with _opened(call, new) as contents:
            contents.install(release_of(new))
        return Created(id)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        release = release_of(properties)
        with _opened_quietly(call, properties) as contents:
            contents.uninstall(release["Namespace"], release["Release"])


class KubernetesObjects:
    """Objects that are created, changed and deleted together."""

    type = "Custom::AWSCDK-EKS-KubernetesResource"
    create_only = ("ClusterName",)

    def create(self, call: Call, properties: Properties) -> Created:
        overwrite = str(properties.get("Overwrite")).lower() == "true"
        with _opened(call, properties) as contents:
            contents.put(manifests_of(properties), new=not overwrite)
        return Created(f"{properties['ClusterName']}|{call.name(128)}")

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        manifests = manifests_of(new)
        with _opened(call, new) as contents:
            contents.put(manifests, new=False)
            if "PruneLabel" in new:
                contents.prune(manifests_of(old), manifests)
        return Created(id)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        with _opened_quietly(call, properties) as contents:
            contents.remove(manifests_of(properties))


def release_of(properties: Properties) -> dict[str, Any]:
    """The release as it is recorded; ValueError for one that is not the same every time."""
    name, version = properties["Release"], properties.get("Version", "")
    if "Chart" not in properties:
        raise ValueError(f"the release {name} names no chart of a registry or repository")
    if not _EXACT_VERSION.fullmatch(version):
        raise ValueError(
            f"the release {name} has the version {version!r}: one exact version is needed, such as "
            "1.2.3, or another day installs something else"
        )
    values = json.loads(properties.get("Values", "{}"))
    if not isinstance(values, dict):
        raise ValueError(f"the values of the release {name} are no table")
    return {"Namespace": "default", **properties, "Values": values}


def manifests_of(properties: Properties) -> list[dict[str, Any]]:
    manifests: list[dict[str, Any]] = json.loads(properties["Manifest"])
    return manifests


@contextmanager
def _opened(call: Call, properties: Properties) -> Iterator[Contents]:
    """The contents of the cluster; an error when it or the function named does not exist."""
    call("lambda", "GetFunction", {"FunctionName": properties["ServiceToken"]})
    cluster = call("eks", "DescribeCluster", {"name": properties["ClusterName"]})["cluster"]
    with CLUSTERS.opened(call.place.account, call.place.region, cluster) as contents:
        yield contents


@contextmanager
def _opened_quietly(call: Call, properties: Properties) -> Iterator[Contents]:
    """The same for a deletion: with a cluster that is gone, its contents are."""
    try:
        cluster = call("eks", "DescribeCluster", {"name": properties["ClusterName"]})["cluster"]
    except ClientError as error:
        if not is_gone(error):
            raise
        yield Contents(version="")
        return
    with CLUSTERS.opened(call.place.account, call.place.region, cluster) as contents:
        yield contents


HANDLERS: tuple[Handler, ...] = (HelmChart(), KubernetesObjects())
