"""What a cluster would hold: charts and objects, found in the record that the extension keeps."""

import json
import urllib.parse
import urllib.request
from typing import Any

from operations.embedded.extension.handler import Place
from operations.embedded.extension.kubernetes import chart_name, key_of, title
from operations.embedded.extension.types.kubernetes import manifests_of, release_of
from operations.embedded.verify.verifier import Properties, Read, Resource, Verifier


def contents(place: Place, cluster: str) -> dict[str, Any]:
    """The releases and objects of an emulated cluster."""
    where = {"name": cluster, "account": place.account, "region": place.region}
    query = urllib.parse.urlencode(where)
    with urllib.request.urlopen(f"{place.url}/_embedded/cluster?{query}") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _release(place: Place, resource: Resource) -> Any:
    wanted = release_of(resource.properties)
    for release in contents(place, resource.properties["ClusterName"])["releases"]:
        if all(release[name] == wanted[name] for name in ("Namespace", "Release")):
            return release
    return None


def _objects(place: Place, resource: Resource) -> Any:
    """The resource's objects by title, as the cluster has them."""
    wanted = {key_of(manifest) for manifest in manifests_of(resource.properties)}
    found = [
        item["manifest"]
        for item in contents(place, resource.properties["ClusterName"])["objects"]
        if key_of(item["manifest"]) in wanted
    ]
    return {"Manifest": _by_title(found)} if found else None


def _by_title(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return {title(manifest): manifest for manifest in manifests}


def _object_properties(properties: Properties) -> Properties:
    return {**properties, "Manifest": _by_title(manifests_of(properties))}


def _unheld(place: Place, resource: Resource) -> str:
    release = release_of(resource.properties)
    return (
        f"recorded as {chart_name(release)} {release['Version']}: no chart is fetched, nothing "
        "checks its values, and nothing runs"
    )


def _unchecked(place: Place, resource: Resource) -> str:
    """The objects that were taken without a schema."""
    wanted = {key_of(manifest) for manifest in manifests_of(resource.properties)}
    kinds = {
        item["manifest"]["kind"]
        for item in contents(place, resource.properties["ClusterName"])["objects"]
        if key_of(item["manifest"]) in wanted and not item["has_schema"]
    }
    if not kinds:
        return ""
    return f"recorded: no published package has a schema of {', '.join(sorted(kinds))}"


_FUNCTION = Read(
    "lambda", "GetFunction", {"FunctionName": "{ServiceToken}"}, "Configuration.FunctionArn"
)

VERIFIERS = {
    "Custom::AWSCDK-EKS-HelmChart": Verifier(
        find=_release,
        parts={"ServiceToken": _FUNCTION},
        expect=release_of,
        declared=_unheld,
    ),
    "Custom::AWSCDK-EKS-KubernetesResource": Verifier(
        find=_objects,
        parts={
            "ServiceToken": _FUNCTION,
            "ClusterName": Read(
                "eks", "DescribeCluster", {"name": "{ClusterName}"}, "cluster.name"
            ),
        },
        expect=_object_properties,
        unseen=("Overwrite", "PruneLabel", "SkipValidation"),  # they tell kubectl what to do
        declared=_unchecked,
        remark="held to published schemas and recorded; no API server has it",
    ),
}
