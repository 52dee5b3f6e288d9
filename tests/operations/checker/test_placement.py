import pytest

from operations.checker import Template, judge

BLOCK = {
    "InstanceMarketOptions": {"MarketType": "capacity-block"},
    "CapacityReservationSpecification": {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
    },
}


@pytest.fixture
def block(prod):
    """prod, with the training pool in a Capacity Block."""
    prod.data().update(BLOCK)
    prod.data().pop("Placement")
    prod.group()["CapacityType"] = "CAPACITY_BLOCK"
    return prod


def test_a_capacity_block_is_clean(block):
    assert block.rules == set()


def test_a_placement_group_with_a_capacity_block_is_found(block):
    block.data()["Placement"] = {"GroupName": {"Ref": "PlacementGroup"}}

    [finding] = block.findings

    assert finding.rule == "placement-with-reservation"
    assert finding.logical_id == "LaunchTemplate"


def no_reservation(block):
    del block.data()["CapacityReservationSpecification"]


def no_market_type(block):
    del block.data()["InstanceMarketOptions"]


def another_kind(block):
    block.group()["CapacityType"] = "ON_DEMAND"


def a_node_at_once(block):
    block.group()["ScalingConfig"]["DesiredSize"] = 1


def two_types(block):
    block.group()["InstanceTypes"] = ["trn1.32xlarge", "x99z.48xlarge"]


def type_in_the_group(block):
    block.group()["InstanceTypes"] = [block.data().pop("InstanceType")]


def type_without_blocks(block):
    block.data()["InstanceType"] = "trn1n.32xlarge"
    block.data()["NetworkInterfaces"] = block.interfaces()[:1]
    block.interfaces()[0]["InterfaceType"] = "interface"


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("block-form", no_reservation),
        ("block-form", no_market_type),
        ("block-form", another_kind),
        ("block-starts-at-zero", a_node_at_once),
        ("block-one-type", two_types),
        ("block-one-type", type_in_the_group),
        ("sold-that-way", type_without_blocks),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_trap_in_a_capacity_block_is_found_and_nothing_else(block, rule, plant):
    plant(block)

    assert block.rules == {rule}


@pytest.fixture
def reserved(prod):
    """prod, with the training pool in a reservation made outside of any placement group."""
    specification = BLOCK["CapacityReservationSpecification"]
    prod.data()["CapacityReservationSpecification"] = specification
    return prod


def test_a_new_placement_group_with_a_reservation_is_found(reserved):
    assert reserved.rules == {"placement-with-reservation"}


def test_the_reservations_own_placement_group_is_clean(reserved):
    reserved.data()["Placement"] = {"GroupName": "where-it-was-created"}

    assert reserved.rules == set()


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        (set(), {"PlacementGroupArn": {"Fn::GetAtt": ["PlacementGroup", "GroupArn"]}}),
        ({"placement-with-reservation"}, {}),
    ],
)
def test_a_reservation_of_the_same_template_says_where_it_is_created(reserved, rules, where):
    reserved.add("AWS::EC2::CapacityReservation", {"InstanceType": "trn1.32xlarge"} | where)
    reserved.data()["CapacityReservationSpecification"] = {
        "CapacityReservationTarget": {"CapacityReservationId": {"Ref": "Planted"}}
    }

    assert reserved.rules == rules


@pytest.mark.parametrize(
    ("kind", "instance"),
    [("ON_DEMAND", "trn2.48xlarge"), ("ON_DEMAND", "p5e.48xlarge"), ("SPOT", "hpc7a.96xlarge")],
)
def test_a_type_that_is_not_sold_that_way_is_found(prod, kind, instance):
    del prod.data("epyc")["NetworkInterfaces"]
    prod.data("epyc")["InstanceType"] = instance
    prod.group("epyc")["CapacityType"] = kind

    assert "sold-that-way" in prod.rules


def test_one_of_several_types_that_the_region_lacks_is_found(prod):
    """EKS refuses the whole list; m7a is not in sa-east-1."""
    del prod.data("epyc")["InstanceType"]
    prod.group("epyc")["InstanceTypes"] = ["m7a.48xlarge", "x99z.metal"]
    alone = Template("pool.json", prod.pool("epyc"), stack="pool", region="sa-east-1")

    assert [finding.rule for finding in judge([alone])] == ["zone-offers-type"]


def test_a_region_without_the_type_is_found_though_its_subnets_are_unknown(prod):
    """A pool's template alone, in a region that the assembly names; p5e is not in Ireland."""
    prod.data()["InstanceType"] = "p5e.48xlarge"
    alone = Template("pool.json", prod.pool("trn1"), stack="pool", region="eu-west-1")

    assert "zone-offers-type" in {finding.rule for finding in judge([alone])}


@pytest.mark.parametrize("instance", ["trn3.48xlarge", "trn4.48xlarge", "mi300x.48xlarge"])
def test_a_type_nobody_rents_is_found(prod, instance):
    prod.data("epyc")["InstanceType"] = instance

    assert prod.rules == {"type-is-rented"}


def test_a_type_the_table_does_not_have_is_not_judged(prod):
    prod.data("epyc")["InstanceType"] = "x99z.metal"

    assert prod.rules == set()


def subnet_of(prod, zone):
    return next(
        {"Fn::GetStackOutput": {"StackName": "prod-network", "OutputName": name}}
        for name, output in prod.templates["prod-network"]["Outputs"].items()
        for subnet in [prod.templates["prod-network"]["Resources"][output["Value"]["Ref"]]]
        if subnet["Properties"].get("AvailabilityZoneId") == zone
    )


def test_a_wrong_zone_is_found_across_templates(prod):
    """us-east-2 has Trn1 in use2-az3 only; the subnet is the network's."""
    prod.group()["Subnets"] = [subnet_of(prod, "use2-az1")]

    [finding] = prod.findings

    assert finding.rule == "zone-offers-type"
    assert finding.value == "trn1.32xlarge in use2-az1"
    assert "use2-az3" in finding.remedy


@pytest.mark.parametrize(
    ("rules", "types"),
    [
        ({"zone-offers-type"}, ["hpc7a.96xlarge", "hpc8a.96xlarge"]),
        (set(), ["hpc7a.96xlarge", "m7a.48xlarge"]),
        (set(), ["hpc7a.96xlarge", "x99z.metal"]),
    ],
)
def test_one_of_several_types_is_enough_for_a_zone(prod, rules, types):
    """us-east-2 has its HPC types in use2-az2."""
    del prod.data("epyc")["InstanceType"]
    prod.group("epyc")["InstanceTypes"] = types

    assert prod.rules == rules


def test_a_wrong_zone_in_the_network_is_found_too(prod):
    for resource in prod.templates["prod-network"]["Resources"].values():
        if resource["Properties"].get("AvailabilityZoneId") == "use2-az3":
            resource["Properties"]["AvailabilityZoneId"] = "use1-az2"

    assert prod.rules == {"zone-offers-type"}


@pytest.mark.parametrize(
    ("rules", "zone"), [(set(), "us-east-2a"), ({"zone-offers-type"}, "eu-west-3a")]
)
def test_of_a_zones_name_only_the_region_is_judged(prod, rules, zone):
    for resource in prod.templates["prod-network"]["Resources"].values():
        if resource["Type"] == "AWS::EC2::Subnet":
            del resource["Properties"]["AvailabilityZoneId"]
            resource["Properties"]["AvailabilityZone"] = zone

    assert prod.rules == rules


def test_two_subnets_for_efa_are_found(prod):
    group = prod.group()
    group["Subnets"] = [*group["Subnets"], "subnet-0123456789abcdef0"]

    assert prod.rules == {"one-zone"}


def test_several_subnets_without_efa_are_fine(prod):
    group = prod.group("epyc")
    group["Subnets"] = [*group["Subnets"], "subnet-0123456789abcdef0"]

    assert prod.rules == set()
