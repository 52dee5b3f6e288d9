from tests.operations.embedded.extension.lifecycle import ROLE, ref


def test_a_node_group_keeps_how_it_is_bought_and_repaired(stack):
    cluster = {"RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": []}}
    seen = []
    for enabled in (True, False):
        group = {
            "ClusterName": ref("Cluster"),
            "NodeRole": ROLE,
            "Subnets": ["subnet-1"],
            "CapacityType": "CAPACITY_BLOCK",
            "NodeRepairConfig": {"Enabled": enabled},
        }
        stack.deploy(
            {
                "Cluster": {"Type": "AWS::EKS::Cluster", "Properties": cluster},
                "It": {"Type": "AWS::EKS::Nodegroup", "Properties": group},
            }
        )
        answer = stack.client("eks").describe_nodegroup(
            clusterName=stack.id("Cluster"), nodegroupName=stack.id("It")
        )
        shown = answer["nodegroup"]
        seen.append((shown["capacityType"], shown["nodeRepairConfig"]["enabled"]))
        assert "instanceTypes" not in shown

    assert seen == [("CAPACITY_BLOCK", True), ("CAPACITY_BLOCK", False)]


def test_a_guardrails_version_has_a_description_of_its_own(stack):
    guardrail = {
        "Name": "guardrail-described",
        "Description": "of the guardrail",
        "BlockedInputMessaging": "no",
        "BlockedOutputsMessaging": "no",
    }
    version = {
        "GuardrailIdentifier": {"Fn::GetAtt": ["Guardrail", "GuardrailId"]},
        "Description": "of the version",
    }

    stack.deploy(
        {
            "Guardrail": {"Type": "AWS::Bedrock::Guardrail", "Properties": guardrail},
            "It": {"Type": "AWS::Bedrock::GuardrailVersion", "Properties": version},
        }
    )

    bedrock = stack.client("bedrock")
    shown = [
        bedrock.get_guardrail(guardrailIdentifier=stack.id("Guardrail"), **which)["description"]
        for which in ({}, {"guardrailVersion": "1"})
    ]
    assert shown == ["of the guardrail", "of the version"]


def test_a_subnet_lies_in_the_zone_of_its_id(stack):
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}

    def subnet(zone: str) -> dict:
        properties = {
            "VpcId": ref("Vpc"),
            "CidrBlock": "10.1.1.0/24",
            "AvailabilityZoneId": zone,
        }
        return {"Type": "AWS::EC2::Subnet", "Properties": properties}

    stack.deploy({"Vpc": vpc, "It": subnet("use2-az4")})
    [shown] = stack.client("ec2").describe_subnets(SubnetIds=[stack.id("It")])["Subnets"]
    assert (shown["AvailabilityZoneId"], shown["AvailabilityZone"]) == ("use2-az4", "us-east-2d")

    stack.deploy({"Vpc": vpc, "It": subnet("usw2-az1")})
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "usw2-az1 is no zone of us-east-2" in stack.reasons
