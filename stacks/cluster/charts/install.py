"""Helm releases, deployed by CloudFormation through the cluster's kubectl function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from workloads.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class Release:
    """One chart of the versions table, where it is installed and with which values."""

    chart: str
    namespace: str
    values: Mapping[str, Any]


def install(
    scope: Construct,
    release: Release,
    *,
    cluster: eks.Cluster,
    kubernetes_version: str,
    registry: str | None,
) -> eks.HelmChart:
    """Install one chart in its pinned version, with its pinned images, and wait until it runs.

    Chart and images come from `registry`, the account's own, where one is given.
    """
    chart = VERSIONS.charts[release.chart]
    return eks.HelmChart(
        scope,
        release.chart,
        # The stubs miss a property of ICluster that Cluster has at run time.
        cluster=cast(eks.ICluster, cluster),
        release=release.chart,
        chart=chart.name,
        repository=chart.source(registry),
        version=chart.version,
        namespace=release.namespace,
        values=_merged(chart.values(kubernetes_version, registry), release.values),
        wait=True,
        timeout=cdk.Duration.minutes(10),  # the function has 15
    )


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables; where both have a table, both of it."""
    both = {
        key: _merged(one[key], other[key])
        for key in one.keys() & other.keys()
        if isinstance(one[key], Mapping) and isinstance(other[key], Mapping)
    }
    return {**one, **other, **both}
