from tests.operations.embedded.extension.lifecycle import ref


def test_a_launch_template_shows_an_efa_interface_on_every_network_card(stack):
    interfaces = [
        {
            "NetworkCardIndex": card,
            "DeviceIndex": min(card, 1),
            "InterfaceType": "efa",
            "Groups": ["sg-1"],
            "DeleteOnTermination": True,
        }
        for card in range(8)
    ]
    data = {
        "InstanceType": "trn1.32xlarge",
        "NetworkInterfaces": interfaces,
        "Placement": {"GroupName": "near"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": "cr-1"}
        },
    }

    stack.deploy(
        {"It": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}}
    )

    answer = stack.client("ec2").describe_launch_template_versions(LaunchTemplateId=stack.id("It"))
    [version] = answer["LaunchTemplateVersions"]
    shown = version["LaunchTemplateData"]
    assert shown.pop("MetadataOptions").pop("State") == "applied"
    assert shown == {name: value for name, value in data.items() if name != "MetadataOptions"}


def test_an_interface_endpoint_shows_its_groups_and_private_names(stack):
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}
    group = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "g", "VpcId": ref("Vpc")},
    }
    endpoint = {
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "VpcId": ref("Vpc"),
            "ServiceName": "com.amazonaws.us-east-2.ecr.api",
            "VpcEndpointType": "Interface",
            "PrivateDnsEnabled": True,
            "SecurityGroupIds": [ref("Group")],
        },
    }

    stack.deploy({"Vpc": vpc, "Group": group, "It": endpoint})

    answer = stack.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[stack.id("It")])
    [shown] = answer["VpcEndpoints"]
    assert [item["GroupId"] for item in shown["Groups"]] == [stack.id("Group")]
    assert shown["PrivateDnsEnabled"] is True
    assert shown["VpcId"] == stack.id("Vpc")
