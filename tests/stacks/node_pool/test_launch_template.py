import base64

import pytest

from stacks.node_pool.launch_template import LaunchTemplate

RESERVED = {"kind": "reservation", "reservation": "cr-0123456789abcdef0"}
BLOCK = {"kind": "capacity-block", "reservation": "cr-0123456789abcdef0"}


@pytest.fixture
def template(stack, synthesize, pool_of):
    """Give the data of the launch template of an instance type."""

    def of(instance_type, *, pool=None, **changes):
        settings = {
            "security_groups": ["sg-cluster", "sg-efa"],
            "placement_group": None,
            "root_volume_gib": 100,
            "user_data": None,
            "tags": {},
        }
        LaunchTemplate(
            stack,
            "LaunchTemplate",
            pool=pool_of(instance_type, **(pool or {})),
            **(settings | changes),
        )
        return synthesize(stack).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    return of


@pytest.mark.parametrize("layout", ["efa", "efa-only"])
@pytest.mark.parametrize("instance_type", ["trn1.32xlarge", "trn2.48xlarge", "p6-b300.48xlarge"])
def test_what_ec2_refuses_beside_a_list_of_interfaces_is_not_there(template, instance_type, layout):
    data = template(instance_type, pool={"efa_layout": layout})

    assert not {"SecurityGroupIds", "SecurityGroups"} & set(data)
    for interface in data["NetworkInterfaces"]:
        assert set(interface) == {
            "DeleteOnTermination",
            "DeviceIndex",
            "Groups",
            "InterfaceType",
            "NetworkCardIndex",
        }


def test_what_the_node_group_adds_by_itself_is_left_out(template):
    data = template("trn1.32xlarge")

    assert data["InstanceType"] == "trn1.32xlarge"
    assert not {"IamInstanceProfile", "ImageId", "UserData"} & set(data)


def test_user_data_is_handed_on_as_ec2_wants_it(template):
    assert base64.b64decode(template("inf2.xlarge", user_data="text")["UserData"]) == b"text"


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


@pytest.mark.parametrize(
    ("capacity", "market", "target"),
    [
        ({"kind": "on-demand"}, None, None),
        ({"kind": "spot"}, None, None),
        (RESERVED, None, "cr-0123456789abcdef0"),
        (RESERVED | {"placement_group": "training"}, None, "cr-0123456789abcdef0"),
        (BLOCK, "capacity-block", "cr-0123456789abcdef0"),
    ],
    ids=["on-demand", "spot", "reservation", "placed reservation", "capacity-block"],
)
def test_the_market_and_the_reservation_are_the_purchases(template, capacity, market, target):
    data = template("trn1.32xlarge", pool={"capacity": capacity})

    assert data.get("InstanceMarketOptions") == (market and {"MarketType": market})
    assert data.get("CapacityReservationSpecification") == (
        target and {"CapacityReservationTarget": {"CapacityReservationId": target}}
    )


@pytest.mark.parametrize("name", [None, "training"])
def test_the_placement_group_is_the_one_given(template, name):
    placed = template("trn1.32xlarge", placement_group=name).get("Placement")

    assert placed == (name and {"GroupName": name})


def test_costs_of_instances_disks_and_interfaces_can_be_split_by_the_tags(template):
    specifications = template("inf2.xlarge", tags={"project": "p"})["TagSpecifications"]

    assert {s["ResourceType"] for s in specifications} == {
        "instance",
        "network-interface",
        "volume",
    }
    assert all(s["Tags"] == [{"Key": "project", "Value": "p"}] for s in specifications)
