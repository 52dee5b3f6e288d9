"""One pool of identical nodes in one zone, in a stack of its own."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from stacks.config import NodePoolConfig
from stacks.node_pool.efa_security_group import EfaSecurityGroup
from stacks.node_pool.launch_template import LaunchTemplate
from stacks.node_pool.user_data import node_config
from stacks.shared.node_role import NodeRole
from workloads.hardware import Instance
from workloads.versions import VERSIONS

# Compilers' working folders and image layers of 10-20 GB overflow less: Neuron's set-up pages
# ask for 512 GB on Trn.
_ACCELERATOR_VOLUME_GIB = 512
_CPU_VOLUME_GIB = 128


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
        kubernetes_version: str,
        cost_tags: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._pool = pool
        hardware = pool.hardware

        # A template with groups of its own does not get the cluster's, which nodes need too.
        security_groups = [cluster.cluster_security_group_id]
        if pool.efa:
            efa_group = EfaSecurityGroup(self, "EfaSecurityGroup", vpc=vpc)
            security_groups.append(efa_group.security_group_id)

        template = LaunchTemplate(
            self,
            "LaunchTemplate",
            hardware=hardware,
            efa=pool.efa,
            security_groups=security_groups,
            capacity=pool.capacity,
            placement_group=self._placement_group(),
            root_volume_gib=_ACCELERATOR_VOLUME_GIB if hardware.chip else _CPU_VOLUME_GIB,
            user_data=node_config(hardware),
            tags=cost_tags,
        ).resource
        [subnet] = vpc.select_subnets(availability_zones=[pool.zone]).subnet_ids
        self._node_group(
            cluster_name=cluster.cluster_name,
            kubernetes_version=kubernetes_version,
            subnet_id=subnet,
            template=template,
        )

    def _placement_group(self) -> str | None:
        """The name of the group that keeps EFA nodes close.

        Only capacity bought freely can be placed: with a reservation made outside of it, a
        placement group makes EC2 answer that it has no capacity. A reservation that was created
        in a group must be used in that one.
        """
        capacity = self._pool.capacity
        if capacity.placement_group:
            return capacity.placement_group
        if not self._pool.efa or capacity.kind not in ("on-demand", "spot"):
            return None
        return ec2.CfnPlacementGroup(self, "PlacementGroup", strategy="cluster").ref

    def _node_group(
        self,
        *,
        cluster_name: str,
        kubernetes_version: str,
        subnet_id: str,
        template: ec2.CfnLaunchTemplate,
    ) -> None:
        """Add the managed node group.

        An L1, because the L2 has no Kubernetes version and evicts pods against their disruption
        budgets by default. The type stands in the template alone: given to an L2 node group, a
        Trainium type fails its check of image against architecture.
        """
        pool = self._pool
        block = pool.capacity.kind == "capacity-block"
        group = eks.CfnNodegroup
        group(
            self,
            "Nodegroup",
            cluster_name=cluster_name,
            version=kubernetes_version,
            ami_type=_ami_type(pool.hardware),
            release_version=_release(pool.hardware, kubernetes_version),
            capacity_type=_CAPACITY_TYPES[pool.capacity.kind],
            node_role=NodeRole(self, "NodeRole").role_arn,
            subnets=[subnet_id],
            launch_template=group.LaunchTemplateSpecificationProperty(
                id=template.ref, version=template.attr_latest_version_number
            ),
            scaling_config=group.ScalingConfigProperty(
                # A block that has not started yet has no node to give.
                min_size=0 if block else pool.min_nodes,
                desired_size=0 if block else pool.min_nodes,
                max_size=pool.max_nodes,
            ),
            update_config=group.UpdateConfigProperty(max_unavailable=1),
            node_repair_config=group.NodeRepairConfigProperty(enabled=True),
            labels={"pool": pool.name, "instance-family": pool.hardware.family},
            taints=[
                group.TaintProperty(key=key, effect="NO_SCHEDULE") for key in _taints(pool.hardware)
            ],
        )


_CAPACITY_TYPES = {
    "on-demand": "ON_DEMAND",
    "reservation": "ON_DEMAND",
    "spot": "SPOT",
    "capacity-block": "CAPACITY_BLOCK",
}


def _ami_type(hardware: Instance) -> str:
    if hardware.neuron:
        return "AL2023_x86_64_NEURON"
    if hardware.nvidia:
        return "AL2023_x86_64_NVIDIA"
    return "AL2023_x86_64_STANDARD"


def _release(hardware: Instance, kubernetes_version: str) -> str | None:
    """The node image whose driver fits the family's containers; others take EKS's newest."""
    if not hardware.neuron:
        return None
    ami = VERSIONS.neuron_ami(kubernetes_version, hardware.family)
    return ami.release if ami else None


def _taints(hardware: Instance) -> list[str]:
    """Keep pods that ask for no accelerator off the nodes that have one."""
    if hardware.neuron:
        return ["aws.amazon.com/neuron"]
    return ["nvidia.com/gpu"] if hardware.nvidia else []
