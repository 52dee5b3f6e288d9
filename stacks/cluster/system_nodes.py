"""Two small nodes that are always there, for what the cluster itself runs."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from stacks.shared.kubernetes import SYSTEM_NODES
from stacks.shared.node_role import NodeRole
from workloads.hardware import INSTANCES
from workloads.versions import VERSIONS

# Tried in order; a zone without the newest has one of the others.
_TYPES = ("m7a.large", "m6a.large", "m5.large")


def _types(region: str) -> list[ec2.InstanceType]:
    """Those that the region has: EKS refuses a list with another one (terraform-aws-eks #3648).

    A type that the hardware table does not have is taken to be everywhere.
    """
    return [
        ec2.InstanceType(name)
        for name in _TYPES
        if name not in INSTANCES or region in INSTANCES[name].zones
    ]


class SystemNodes(Construct):
    """A node group without taints, so that every other pool may be tainted or at zero.

    DNS, the queue and job controllers and the autoscaler run here.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.Cluster,
        kubernetes_version: str,
    ) -> None:
        super().__init__(scope, construct_id)

        template = ec2.LaunchTemplate(
            self,
            "LaunchTemplate",
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        50, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                    ),
                )
            ],
        )
        eks.Nodegroup(
            self,
            "Nodegroup",
            # The stubs miss a property of ICluster that Cluster has at run time.
            cluster=cast(eks.ICluster, cluster),
            ami_type=eks.NodegroupAmiType.AL2023_X86_64_STANDARD,
            release_version=VERSIONS.standard_release(kubernetes_version),
            instance_types=_types(cdk.Stack.of(self).region),
            launch_template_spec=eks.LaunchTemplateSpec(
                id=str(template.launch_template_id), version=template.latest_version_number
            ),
            min_size=2,
            max_size=3,
            node_role=NodeRole(self, "Role"),
            labels=SYSTEM_NODES,
            enable_node_auto_repair=True,
            force_update=False,
        )
