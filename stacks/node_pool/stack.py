"""One pool of identical nodes in one zone, in a stack of its own."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from stacks.config import ClusterConfig, NodePoolConfig
from stacks.node_pool.autoscaler_tags import autoscaler_tags
from stacks.node_pool.efa_security_group import EfaSecurityGroup
from stacks.node_pool.idle import Idle
from stacks.node_pool.launch_template import LaunchTemplate
from stacks.node_pool.node_group import NodeGroup
from stacks.node_pool.queue import Queue
from stacks.node_pool.user_data import user_data
from stacks.shared.metrics import metered
from workloads.hardware import Instance

# Compilers' working folders and image layers of 10-20 GB overflow less: Neuron's set-up pages
# ask for 512 GB on Trn. Compilation ahead of time, on CPUs, fills as much; it needs many of them.
_LARGE_VOLUME_GIB = 512
_SMALL_VOLUME_GIB = 128
_COMPILING_VCPUS = 32


class NodePoolStack(cdk.Stack):
    """An EKS managed node group and what its nodes boot with.

    A pool is a stack so that scarce capacity can come and go on its own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pool: NodePoolConfig,
        vpc: ec2.IVpc,
        cluster: eks.Cluster,
        cluster_config: ClusterConfig,
        cost_tags: Mapping[str, str],
        images: str,
        **kwargs: Any,
    ) -> None:
        """`images`: the name of the repository of the workloads' images."""
        super().__init__(scope, construct_id, **kwargs)
        allocator = cluster_config.neuron_allocator
        root_volume_gib = _root_volume_gib(pool.hardware)

        # A template with groups of its own does not get the cluster's, which nodes need too.
        security_groups = [cluster.cluster_security_group_id]
        if pool.efa:
            efa_group = EfaSecurityGroup(self, "EfaSecurityGroup", vpc=vpc)
            security_groups.append(efa_group.security_group_id)

        template = LaunchTemplate(
            self,
            "LaunchTemplate",
            pool=pool,
            security_groups=security_groups,
            placement_group=self._placement_group(pool),
            root_volume_gib=root_volume_gib,
            user_data=user_data(pool, neuron_allocator=allocator),
            tags=cost_tags,
        ).resource
        [subnet] = vpc.select_subnets(availability_zones=[pool.zone]).subnet_ids
        nodes = NodeGroup(
            self,
            "Nodegroup",
            pool=pool,
            cluster_name=cluster.cluster_name,
            kubernetes_version=cluster_config.kubernetes_version,
            subnet_id=subnet,
            template=template,
            tags=autoscaler_tags(pool, neuron_allocator=allocator, root_volume_gib=root_volume_gib),
        )
        if metered(pool, allocator):
            Idle(
                self,
                "Idle",
                pool=pool,
                neuron_allocator=allocator,
                cluster_name=cluster.cluster_name,
                nodes=nodes,
            )
        queue = Queue(
            self,
            "Queue",
            pool=pool,
            cluster=cluster,
            neuron_allocator=allocator,
            images=images,
        )
        queue.node.add_dependency(nodes)  # so it goes first, and no job starts on nodes that go

    def _placement_group(self, pool: NodePoolConfig) -> str | None:
        """The name of the placement group that the purchase asks for."""
        placement = pool.purchase.placement
        if placement.kind == "new":
            return ec2.CfnPlacementGroup(self, "PlacementGroup", strategy="cluster").ref
        return placement.name


def _root_volume_gib(hardware: Instance) -> int:
    large = hardware.chip or hardware.vcpus >= _COMPILING_VCPUS
    return _LARGE_VOLUME_GIB if large else _SMALL_VOLUME_GIB
