"""The managed node group of a pool."""

from collections.abc import Mapping

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from stacks.config import NodePoolConfig
from stacks.shared.kubernetes import EFA_NODES, GPU, NEURON
from stacks.shared.node_role import NodeRole
from workloads.hardware import Instance
from workloads.versions import VERSIONS

# The autoscaler counts a node as up only once it shows GPUs, if it carries this label; else it
# would start another in the meantime (kubernetes/autoscaler, cloudprovider/aws/README.md).
_GPU_LABEL = "k8s.amazonaws.com/accelerator"


class NodeGroup(eks.CfnNodegroup):
    """Identical nodes of one launch template, in one subnet.

    An L1, because the L2 has no Kubernetes version and evicts pods against their disruption
    budgets by default. The type stands in the template alone: given to an L2 node group, a
    Trainium type fails its check of image against architecture.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pool: NodePoolConfig,
        cluster_name: str,
        kubernetes_version: str,
        subnet_id: str,
        template: ec2.CfnLaunchTemplate,
        tags: Mapping[str, str],
    ) -> None:
        hardware, purchase = pool.hardware, pool.purchase
        super().__init__(
            scope,
            construct_id,
            cluster_name=cluster_name,
            version=kubernetes_version,
            ami_type=_ami_type(hardware),
            # Unpinned, a node group takes the newest image at every creation and upgrade.
            release_version=VERSIONS.node_image(kubernetes_version, hardware),
            capacity_type=purchase.capacity_type,
            node_role=NodeRole(scope, "NodeRole").role_arn,
            subnets=[subnet_id],
            launch_template=self.LaunchTemplateSpecificationProperty(
                id=template.ref, version=template.attr_latest_version_number
            ),
            scaling_config=self.ScalingConfigProperty(
                min_size=purchase.min_nodes,
                desired_size=purchase.desired_nodes,
                max_size=purchase.max_nodes,
            ),
            update_config=self.UpdateConfigProperty(max_unavailable=1),
            node_repair_config=self.NodeRepairConfigProperty(enabled=True),
            labels=_labels(pool),
            taints=[self.TaintProperty(key=key, effect="NO_SCHEDULE") for key in _taints(hardware)],
            tags=dict(tags),
        )


def _ami_type(hardware: Instance) -> str:
    if hardware.neuron:
        return "AL2023_x86_64_NEURON"
    if hardware.nvidia:
        return "AL2023_x86_64_NVIDIA"
    return "AL2023_x86_64_STANDARD"


def _labels(pool: NodePoolConfig) -> dict[str, str]:
    hardware = pool.hardware
    labels = {"pool": pool.name, "instance-family": hardware.family}
    if pool.efa:
        labels |= EFA_NODES
    if hardware.nvidia and hardware.chip:
        labels[_GPU_LABEL] = f"nvidia-{hardware.chip.name.lower()}"
    return labels


def _taints(hardware: Instance) -> list[str]:
    """Keep pods that ask for no accelerator off the nodes that have one."""
    if hardware.neuron:
        return [NEURON]
    return [GPU] if hardware.nvidia else []
