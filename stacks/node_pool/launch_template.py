"""What a node boots with: type, network interfaces, disk, metadata service, capacity."""

import base64
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.config import NodePoolConfig
from stacks.node_pool.network_interfaces import network_interfaces

_Template = ec2.CfnLaunchTemplate


class LaunchTemplate(Construct):
    """A launch template with the interfaces, the disk and the market of a pool's nodes.

    An L1, because the L2 LaunchTemplate attaches a single interface and knows no network cards.
    It has no subnet, no image and no instance profile: those are the managed node group's to add.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pool: NodePoolConfig,
        security_groups: Sequence[str],
        placement_group: str | None,
        root_volume_gib: int,
        user_data: str | None,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)

        market = pool.purchase.market_type
        self.resource = _Template(
            self,
            "Default",
            launch_template_data=_Template.LaunchTemplateDataProperty(
                instance_type=pool.instance_type,
                network_interfaces=network_interfaces(pool, security_groups),
                block_device_mappings=[_root_volume(root_volume_gib)],
                metadata_options=_Template.MetadataOptionsProperty(
                    http_tokens="required",
                    # Pods have Pod Identity and no business with the node's role.
                    http_put_response_hop_limit=1,
                ),
                instance_market_options=(
                    _Template.InstanceMarketOptionsProperty(market_type=market) if market else None
                ),
                capacity_reservation_specification=_reservation(pool.purchase.reservation),
                placement=(
                    _Template.PlacementProperty(group_name=placement_group)
                    if placement_group
                    else None
                ),
                user_data=base64.b64encode(user_data.encode()).decode() if user_data else None,
                # A node group does not hand its tags on, and costs are split by them.
                tag_specifications=[
                    _Template.TagSpecificationProperty(
                        resource_type=kind,
                        tags=[cdk.CfnTag(key=key, value=value) for key, value in tags.items()],
                    )
                    for kind in ("instance", "volume", "network-interface")
                    if tags
                ],
            ),
        )


def _root_volume(gib: int) -> _Template.BlockDeviceMappingProperty:
    return _Template.BlockDeviceMappingProperty(
        device_name="/dev/xvda",
        ebs=_Template.EbsProperty(
            volume_size=gib, volume_type="gp3", encrypted=True, delete_on_termination=True
        ),
    )


def _reservation(
    reservation: str | None,
) -> _Template.CapacityReservationSpecificationProperty | None:
    if reservation is None:
        return None
    return _Template.CapacityReservationSpecificationProperty(
        capacity_reservation_target=_Template.CapacityReservationTargetProperty(
            capacity_reservation_id=reservation
        )
    )
