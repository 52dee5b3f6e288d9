"""Where nodes start and how they are bought: zones, placement groups, reservations, sizes."""

import re
from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.resolving import Resource
from operations.checker.values import Reference, given, identity, listing, mapping, string
from operations.checker.views.node_groups import SELF_MANAGED, NodeGroup
from workloads.hardware import INSTANCES, REGIONS

_BLOCKS = "https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html"
_BLOCK = "capacity-block"
_SUBNET = "AWS::EC2::Subnet"
_PLACEMENT_GROUP = "AWS::EC2::PlacementGroup"

# Accelerators that have been announced or stand in software, and that EC2 rents to nobody under
# an instance type of that name: what to take instead.
_NOT_RENTED = {
    r"trn[34][a-z\d-]*\.": "trn2.48xlarge",
    r"mi\d+[a-z]*\.": "a Trainium or NVIDIA type; EC2 has no AMD Instinct",
}


@rule(
    "one-zone",
    "H",
    title="An EFA group of nodes is in one subnet",
    without="EFA does not cross Availability Zones, and bypasses the kernel within a subnet only: "
    "nodes that land in different ones hang at the first collective.",
    sources=["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"],
)
def one_zone(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    zones = listing(group.resource.properties.get("AvailabilityZones"))
    for name, places in (("subnets", group.subnets or ()), ("zones", zones)):
        count = sum(map(given, places))
        if group.efa and count > 1:
            yield Found(
                group.resource,
                f"{count} {name} for nodes with EFA",
                "give it one, and make a group per zone if there is to be another",
            )


@rule(
    "zone-offers-type",
    "F",
    title="The zone of the nodes offers their instance type",
    without="EKS refuses the node group, or the Auto Scaling group reports that the type is not "
    "supported in the zone and no node ever starts. Trainium and HPC types are in one to three "
    "zones of a region.",
    sources=[
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
        "API_DescribeInstanceTypeOfferings.html",
        "https://github.com/awslabs/ec2-spot-workshops/issues/154",
        "https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3648",
    ],
)
def zone_offers_type(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    yield from _not_in_region(group, deployment)
    if not group.hardware or len(group.hardware) < len(group.types):
        return  # one of several types is enough, and one that is not in the table may be offered
    names = " or ".join(hardware.name for hardware in group.hardware)
    zones = sorted(set(_zones(group, deployment)))
    for zone in zones:
        offered = _offered(group, _region(zone) or "")
        # A name such as us-east-2a means another place in each account, and tells the region only.
        if _is_id(zone) and offered and zone not in offered:
            yield Found(
                group.resource,
                f"{names} in {zone}",
                f"the zone does not offer it; choose a subnet in one of {', '.join(offered)}",
            )


@rule(
    "type-is-rented",
    "F",
    title="The instance type is one that EC2 rents",
    without="EC2 answers InvalidParameterValue: announced accelerators are not for rent by name.",
    sources=["https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html"],
)
def type_is_rented(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for name in group.types:
        for pattern, instead in _NOT_RENTED.items():
            if name not in INSTANCES and re.match(pattern, name):
                yield Found(_typed(group), f"instance type {name}", f"nearest: {instead}")


@rule(
    "sold-that-way",
    "F",
    title="The instance type is sold the way the group buys it",
    without="No node ever starts: Trn2 and P5e have no on-demand price, HPC types no spot "
    "market, Inferentia and Trn1n no Capacity Blocks.",
    sources=[
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html",
        "https://aws.amazon.com/ec2/pricing/on-demand/",
    ],
)
def sold_that_way(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    kind = _kind(group)
    # A reservation counts as on-demand capacity; that a price list lacks the type forbids none.
    if kind in (None, "reservation") or len(group.hardware) < len(group.types):
        return
    ways = {name for hardware in group.hardware for name in hardware.usage_classes}
    if not any(hardware.sold_on_demand for hardware in group.hardware):
        ways.discard("on-demand")
    if group.hardware and kind not in ways:
        names = " or ".join(hardware.name for hardware in group.hardware)
        yield Found(_typed(group), f"{names} as {kind}", f"buy it as {' or '.join(sorted(ways))}")


@rule(
    "placement-with-reservation",
    "F",
    title="No placement group with a Capacity Block, nor with a reservation made outside of it",
    without="EC2 answers InsufficientInstanceCapacity although the reservation is idle, or gives "
    "a part of it.",
    sources=[
        "https://github.com/terraform-aws-modules/terraform-aws-eks/pull/3730",
        "https://github.com/eksctl-io/eksctl/issues/7949",
    ],
)
def placement_with_reservation(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    placement = mapping(group.data.get("Placement"))
    named = placement.get("GroupName", placement.get("GroupId"))
    if not given(named):
        return
    if group.market == _BLOCK or group.capacity_type == "CAPACITY_BLOCK":
        yield Found(
            group.boot,
            "Placement names a placement group, and the market type is capacity-block",
            "leave Placement out; a Capacity Block is placed together already",
        )
    elif group.reservation is not None and _foreign(group, named, deployment):
        yield Found(
            group.boot,
            "Placement names a placement group that the targeted reservation was not created in",
            "leave Placement out, or name the group that the reservation was created in",
        )


@rule(
    "block-form",
    "F",
    title="A Capacity Block is bought in full form: market type, reservation, node group's kind",
    without="EKS refuses the node group, or it starts on-demand instances beside the block that "
    "is paid already.",
    sources=[_BLOCKS, "https://github.com/eksctl-io/eksctl/issues/8320"],
)
def block_form(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    in_template, in_group = group.market == _BLOCK, group.capacity_type == "CAPACITY_BLOCK"
    if in_template and group.reservation is None:
        yield Found(
            group.boot,
            "the market type is capacity-block, and no reservation is targeted",
            "name the block in CapacityReservationSpecification.CapacityReservationTarget",
        )
    if in_template and group.managed and group.capacity_type is not None and not in_group:
        yield Found(
            group.resource,
            f"CapacityType is {group.capacity_type}, and the launch template buys a Capacity Block",
            "set it to CAPACITY_BLOCK",
        )
    if in_group and group.market not in (_BLOCK, None):
        yield Found(
            group.boot,
            "CapacityType is CAPACITY_BLOCK, and the launch template has no such market type",
            "set InstanceMarketOptions.MarketType to capacity-block",
        )


@rule(
    "block-one-type",
    "F",
    title="A Capacity Block's node group has exactly one instance type, in its launch template",
    without="EKS refuses the node group: a block is of one type.",
    sources=[_BLOCKS],
)
def block_one_type(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if group.market != _BLOCK or not group.grouped:
        return
    listed = listing(group.resource.properties.get("InstanceTypes"))
    if any(map(given, listed)) or len(group.types) > 1:
        yield Found(
            group.resource,
            f"{len(listed) or len(group.types)} instance types stand in the group",
            "put the block's one type into the launch template, and none into the group",
        )
    elif "InstanceType" not in group.data:
        yield Found(group.boot, "no InstanceType is given", "give the block's type")


@rule(
    "block-starts-at-zero",
    "F",
    title="A Capacity Block's node group starts with no node",
    without="Before the block's start time no instance can launch, the stack waits for nodes and "
    "rolls back.",
    sources=[_BLOCKS],
)
def block_starts_at_zero(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if group.market == _BLOCK and group.desired:
        yield Found(
            group.resource,
            f"the desired size is {group.desired}",
            "set the desired and least size to 0, and raise them when the block has started",
        )


def _kind(group: NodeGroup) -> str | None:
    """How a group buys its instances; None: that is decided elsewhere."""
    if group.market:
        return group.market
    if group.capacity_type == "SPOT":
        return "spot"
    if group.managed and group.capacity_type != "ON_DEMAND":
        return None  # block-form has Capacity Blocks
    if not group.grouped or group.market is None:
        return None
    mixed = mapping(group.resource.properties.get("MixedInstancesPolicy"))
    if group.resource.kind == SELF_MANAGED and "InstancesDistribution" in mixed:
        return None
    return "reservation" if "CapacityReservationSpecification" in group.data else "on-demand"


def _foreign(group: NodeGroup, placement: object, deployment: Deployment) -> bool:
    """Whether a reservation was certainly not created in a placement group."""
    reservation = deployment.templates.get(group.reservation)
    made = deployment.templates.get(placement)
    if reservation is not None:
        own = reservation.properties.get("PlacementGroupArn")
        if own is None:
            return True
        return isinstance(own, Reference) and identity(own) != identity(placement)
    # A group that these templates make is younger than a reservation that has an ID already.
    literal = isinstance(group.reservation, str) and group.reservation.startswith("cr-")
    return literal and made is not None and made.kind == _PLACEMENT_GROUP


def _zones(group: NodeGroup, deployment: Deployment) -> Iterator[str]:
    for value in group.subnets or ():
        subnet = deployment.templates.get(value)
        if subnet is not None and subnet.kind == _SUBNET:
            for key in ("AvailabilityZoneId", "AvailabilityZone"):
                zone = string(subnet.properties.get(key))
                if zone is not None:
                    yield zone
    for value in listing(group.resource.properties.get("AvailabilityZones")):
        if isinstance(value, str):
            yield value


def _not_in_region(group: NodeGroup, deployment: Deployment) -> Iterator[Found]:
    """Each type that the region does not offer: one makes EKS refuse a list of several."""
    regions = {_region(zone) for zone in _zones(group, deployment)}
    for region in regions or {deployment.templates.region_of(group.resource.template)}:
        for hardware in group.hardware:
            if region in REGIONS and region not in hardware.zones:
                yield Found(
                    group.resource,
                    f"{hardware.name} in {region}",
                    f"the region does not offer it; it is offered in {', '.join(hardware.zones)}",
                )


def _offered(group: NodeGroup, region: str) -> list[str]:
    """The zones of a region that offer one of a group's types."""
    return sorted({zone for hardware in group.hardware for zone in hardware.zones.get(region, ())})


def _is_id(zone: str) -> bool:
    return "-az" in zone


def _region(zone: str) -> str | None:
    """The region of a zone's ID or name; None: it is of no region in the hardware table."""
    if _is_id(zone):
        return next((region for region, zones in REGIONS.items() if zone in zones), None)
    name = re.fullmatch(r"([a-z]{2}(?:-[a-z]+)+-\d+)[a-z]", zone)
    return name[1] if name else None


def _typed(group: NodeGroup) -> Resource:
    """The resource that names the instance type."""
    listed = group.resource.properties.get("InstanceTypes")
    return group.resource if listed else group.boot
