import pytest

from stacks.config import CapacityConfig
from stacks.node_pool.launch_template import LaunchTemplate, network_interfaces
from workloads.hardware import INSTANCES

EFA_TYPES = [name for name, hardware in INSTANCES.items() if hardware.efa_interfaces]


@pytest.fixture
def template(stack, synthesize):
    """Give the data of the launch template of an instance type."""

    def of(instance_type, **changes):
        settings = {
            "efa": False,
            "security_groups": ["sg-cluster", "sg-efa"],
            "capacity": CapacityConfig(),
            "placement_group": None,
            "root_volume_gib": 100,
            "user_data": None,
            "tags": {},
        }
        hardware = INSTANCES[instance_type]
        LaunchTemplate(stack, "LaunchTemplate", hardware=hardware, **(settings | changes))
        return synthesize(stack).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    return of


@pytest.mark.parametrize("instance_type", EFA_TYPES)
def test_an_efa_node_has_all_the_efa_interfaces_of_its_type(instance_type):
    hardware = INSTANCES[instance_type]

    interfaces = network_interfaces(hardware, efa=True, security_groups=["sg-1"])

    cards = [i.network_card_index for i in interfaces if i.interface_type == "efa"]
    assert cards == [card.index for card in hardware.network_cards if card.efa]
    assert len(cards) == hardware.efa_interfaces


@pytest.mark.parametrize("instance_type", EFA_TYPES)
def test_device_index_is_0_on_card_0_and_1_on_every_other(instance_type):
    interfaces = network_interfaces(INSTANCES[instance_type], efa=True, security_groups=["sg-1"])

    cards = [i.network_card_index for i in interfaces]
    assert cards == sorted(set(cards))
    assert [i.device_index for i in interfaces] == [min(card, 1) for card in cards]
    assert cards[0] == 0


@pytest.mark.parametrize("instance_type", EFA_TYPES)
def test_no_interface_has_an_index_its_card_does_not_take(instance_type):
    hardware = INSTANCES[instance_type]
    slots = {card.index: card.interfaces for card in hardware.network_cards}

    for interface in network_interfaces(hardware, efa=True, security_groups=["sg-1"]):
        assert interface.device_index < slots[interface.network_card_index]


@pytest.mark.parametrize("efa", [True, False])
@pytest.mark.parametrize("instance_type", ["trn1.32xlarge", "trn2.48xlarge", "p6-b300.48xlarge"])
def test_groups_stand_in_each_interface_and_nothing_is_public(template, instance_type, efa):
    data = template(instance_type, efa=efa)

    assert "SecurityGroupIds" not in data
    for interface in data["NetworkInterfaces"]:
        assert interface["Groups"] == ["sg-cluster", "sg-efa"]
        assert interface["DeleteOnTermination"] is True
        assert "AssociatePublicIpAddress" not in interface
        assert "SubnetId" not in interface


def test_card_0_of_p6_b300_carries_a_plain_primary_interface(template):
    primary, *others = template("p6-b300.48xlarge", efa=True)["NetworkInterfaces"]

    assert (primary["NetworkCardIndex"], primary["InterfaceType"]) == (0, "interface")
    assert [other["NetworkCardIndex"] for other in others] == list(range(1, 17))


@pytest.mark.parametrize("instance_type", ["inf2.48xlarge", "trn1.32xlarge", "m7a.48xlarge"])
def test_without_efa_there_is_one_plain_interface(template, instance_type):
    [interface] = template(instance_type)["NetworkInterfaces"]

    assert interface["InterfaceType"] == "interface"
    assert (interface["NetworkCardIndex"], interface["DeviceIndex"]) == (0, 0)


def test_what_the_node_group_adds_by_itself_is_left_out(template):
    data = template("trn1.32xlarge", efa=True)

    assert not {"IamInstanceProfile", "ImageId", "UserData"} & set(data)


def test_the_root_volume_is_encrypted_gp3(template):
    [disk] = template("inf2.xlarge", root_volume_gib=512)["BlockDeviceMappings"]

    assert disk == {
        "DeviceName": "/dev/xvda",
        "Ebs": {
            "DeleteOnTermination": True,
            "Encrypted": True,
            "VolumeSize": 512,
            "VolumeType": "gp3",
        },
    }


def test_the_metadata_service_wants_a_token_and_hears_no_pod(template):
    assert template("inf2.xlarge")["MetadataOptions"] == {
        "HttpPutResponseHopLimit": 1,
        "HttpTokens": "required",
    }


def test_a_capacity_block_is_a_market_and_a_target(template):
    capacity = CapacityConfig(kind="capacity-block", reservation="cr-0123456789abcdef0")

    data = template("trn1.32xlarge", capacity=capacity)

    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    assert data["CapacityReservationSpecification"] == {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0123456789abcdef0"}
    }


def test_a_reservation_is_a_target_of_ordinary_instances(template):
    capacity = CapacityConfig(kind="reservation", reservation="cr-0123456789abcdef0")

    data = template("trn1.32xlarge", capacity=capacity)

    assert "InstanceMarketOptions" not in data
    assert "CapacityReservationSpecification" in data


@pytest.mark.parametrize("kind", ["on-demand", "spot"])
def test_capacity_bought_freely_names_neither(template, kind):
    data = template("trn1.32xlarge", capacity=CapacityConfig(kind=kind))

    assert not {"InstanceMarketOptions", "CapacityReservationSpecification"} & set(data)


def test_costs_of_instances_disks_and_interfaces_can_be_split_by_the_tags(template):
    specifications = template("inf2.xlarge", tags={"project": "p"})["TagSpecifications"]

    assert {s["ResourceType"] for s in specifications} == {
        "instance",
        "network-interface",
        "volume",
    }
    assert all(s["Tags"] == [{"Key": "project", "Value": "p"}] for s in specifications)
