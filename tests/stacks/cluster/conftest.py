"""What CloudFormation is told to install, read back from the template."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

CLUSTER_NAME = "the-cluster"


@dataclass
class Platform:
    """The releases of a template by name, and its objects."""

    releases: dict[str, dict[str, Any]]
    values: dict[str, dict[str, Any]]
    objects: list[dict[str, Any]] = field(default_factory=list)


def resolved(value: Any) -> str:
    """Text with the cluster's name put in where the template joins it."""
    if isinstance(value, str):
        return value
    return "".join(p if isinstance(p, str) else CLUSTER_NAME for p in value["Fn::Join"][1])


@pytest.fixture(scope="session")
def platform(stacks):
    """Give an environment's platform."""

    def of(environment: str) -> Platform:
        cluster = stacks(environment)["cluster"]
        releases = {
            properties["Release"]: properties
            for properties in cluster.every("Custom::AWSCDK-EKS-HelmChart").values()
        }
        return Platform(
            releases=releases,
            values={name: json.loads(resolved(r["Values"])) for name, r in releases.items()},
            objects=[
                manifest
                for properties in cluster.every("Custom::AWSCDK-EKS-KubernetesResource").values()
                for manifest in json.loads(properties["Manifest"])
            ],
        )

    return of
