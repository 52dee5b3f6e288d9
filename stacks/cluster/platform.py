"""What the cluster runs for its pools, by CloudFormation: charts, and the workloads' objects."""

from collections.abc import Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct, IDependable

from stacks.cluster.autoscaler_access import AutoscalerAccess
from stacks.cluster.charts import autoscaler, devices, monitor, neuron, queueing, scaling
from stacks.cluster.charts.install import Release, install
from stacks.cluster.objects import workload_objects
from stacks.config import ClusterConfig, NodePoolConfig


def releases(
    config: ClusterConfig, pools: Sequence[NodePoolConfig], *, cluster_name: str, region: str
) -> list[Release]:
    """What an environment installs, in the order of dependence.

    `config.neuron_allocator` is the one switch between Neuron's device plugin and its DRA driver:
    everything that hangs on it is decided by the values' functions, from it alone.
    """
    allocator = config.neuron_allocator
    types = [pool.hardware for pool in pools]
    plugins = {
        "neuron": (any(t.neuron for t in types), neuron.values(allocator, types)),
        "nvidia-device-plugin": (any(t.nvidia for t in types), devices.nvidia()),
        "efa-device-plugin": (any(pool.efa for pool in pools), devices.efa()),
    }
    return [
        *(
            Release(chart=name, namespace="kube-system", values=values)
            for name, (needed, values) in plugins.items()
            if needed
        ),
        Release(
            chart="cluster-autoscaler",
            namespace="kube-system",
            values=autoscaler.values(allocator, cluster_name=cluster_name, region=region),
        ),
        *(
            Release(
                chart="cloudwatch",
                namespace=monitor.AGENT[0],
                values=monitor.values(allocator, pools, cluster_name=cluster_name, region=region),
            )
            for _ in range(bool(monitor.watched(pools)))
        ),
        *(
            # A model is served from Neuron pools.
            Release(chart="keda", namespace="keda", values=scaling.values())
            for _ in range(any(t.neuron for t in types))
        ),
        Release(chart="jobset", namespace="jobset-system", values=queueing.jobset()),
        Release(chart="kueue", namespace="kueue-system", values=queueing.kueue(allocator)),
    ]


class Platform(Construct):
    """The releases, and the objects of the namespace `workloads`.

    Created after `ready`, which is what a pod needs to start, and so deleted before it. The
    objects are created last and deleted first: what Kueue and JobSet still hold by finalizers is
    released while they run. Pools' own objects live in the pools' stacks, which go before this one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.Cluster,
        config: ClusterConfig,
        releases: Sequence[Release],
        registry: str | None,
        ready: Sequence[IDependable],
    ) -> None:
        super().__init__(scope, construct_id)

        access = AutoscalerAccess(self, "Autoscaler", cluster_name=cluster.cluster_name)
        objects = eks.KubernetesManifest(
            self,
            "Workloads",
            cluster=cast(eks.ICluster, cluster),
            manifest=workload_objects(),
            overwrite=True,  # so that a creation that failed half-way can be repeated
        )
        earlier: eks.HelmChart | None = None
        for release in releases:
            chart = install(
                self,
                release,
                cluster=cluster,
                kubernetes_version=config.kubernetes_version,
                registry=registry,
            )
            chart.node.add_dependency(access, *ready)
            if release.chart == "kueue" and earlier:
                chart.node.add_dependency(earlier)  # JobSet, whose jobs it looks for at its start
            objects.node.add_dependency(chart)
            earlier = chart


def own_registry(stack: cdk.Stack) -> str:
    """The account's own registry, which `operations.mirror` fills."""
    return f"{stack.account}.dkr.ecr.{stack.region}.amazonaws.com"
