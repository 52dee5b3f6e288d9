import pytest

from operations.embedded.extension.types import ec2, waf
from tests.operations.embedded.extension.lifecycle import OSLO, ROLE, TOKYO, Life, check, ref

VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}
SUBNET = {
    "Type": "AWS::EC2::Subnet",
    "Properties": {"VpcId": ref("Vpc"), "CidrBlock": "10.1.1.0/24"},
}
GROUP = {
    "Type": "AWS::EC2::SecurityGroup",
    "Properties": {"GroupDescription": "g", "VpcId": ref("Vpc")},
}
LOGS = {"Type": "AWS::Logs::LogGroup"}


def rule(direction: str, peer: str, permissions: str) -> Life:
    """A rule between a group and itself, as EFA needs one each way."""
    return Life(
        type=f"AWS::EC2::SecurityGroup{direction}",
        needs={"Vpc": VPC, "Group": GROUP},
        properties={
            "GroupId": ref("Group"),
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            f"{peer}SecurityGroupId": ref("Group"),
            "Description": "one",
        },
        change={"Description": "two"},
        replace={"FromPort": 79},
        call=("ec2", "describe_security_groups", {"GroupIds": ["{Group}"]}),
        value=f"SecurityGroups[0].{permissions}[?FromPort]"
        ".[FromPort, UserIdGroupPairs[0].Description][]",
        shown=([80, "one"], [80, "two"], [79, "one"]),
        attributes=("Id",),
    )


ACL = {
    "Type": "AWS::WAFv2::WebACL",
    "Properties": {
        "Name": "acl",
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": {
            "CloudWatchMetricsEnabled": True,
            "MetricName": "acl",
            "SampledRequestsEnabled": True,
        },
    },
}
DESTINATION = "arn:aws:logs:us-east-2:000000000000:log-group:"


def logged_in(group: str) -> dict:
    return {"LogDestinationConfigs": [f"{DESTINATION}{group}"]}


LIVES = (
    Life(
        type="AWS::EC2::EIP",
        properties={"Domain": "vpc", "Tags": TOKYO},
        change={"Tags": OSLO},
        replace={"NetworkBorderGroup": "us-east-2"},
        call=("ec2", "describe_addresses", {}),
        value="Addresses[?PublicIp == '{It}'] | [0].Tags[0].Value",
        shown=("tokyo", "oslo", "tokyo"),
        attributes=("AllocationId", "PublicIp"),
    ),
    Life(
        type="AWS::EC2::NatGateway",
        needs={"Vpc": VPC, "Subnet": SUBNET},
        properties={"SubnetId": ref("Subnet"), "AllocationId": "eipalloc-1", "Tags": TOKYO},
        change={"Tags": OSLO},
        replace={"AllocationId": "eipalloc-2"},
        call=("ec2", "describe_nat_gateways", {"NatGatewayIds": ["{It}"]}),
        value="NatGateways[?State == 'available'] | [0]"
        ".[NatGatewayAddresses[0].AllocationId, Tags[0].Value]",
        shown=(["eipalloc-1", "tokyo"], ["eipalloc-1", "oslo"], ["eipalloc-2", "tokyo"]),
        attributes=("NatGatewayId",),
    ),
    Life(
        type="AWS::EC2::FlowLog",
        needs={"Vpc": VPC, "Logs": LOGS},
        properties={
            "ResourceId": ref("Vpc"),
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogGroupName": ref("Logs"),
            "DeliverLogsPermissionArn": ROLE,
            "Tags": TOKYO,
        },
        change={"Tags": OSLO},
        replace={"TrafficType": "ALL"},
        call=("ec2", "describe_flow_logs", {"FlowLogIds": ["{It}"]}),
        value="FlowLogs[0].[TrafficType, Tags[0].Value]",
        shown=(["REJECT", "tokyo"], ["REJECT", "oslo"], ["ALL", "tokyo"]),
        attributes=("Id",),
    ),
    Life(
        type="AWS::EC2::PlacementGroup",
        properties={"Strategy": "cluster"},
        replace={"Strategy": "spread"},
        call=("ec2", "describe_placement_groups", {}),
        value="PlacementGroups[?GroupName == '{It}'] | [0].Strategy",
        shown=("cluster", "spread"),
        attributes=("GroupName", "GroupId"),
    ),
    rule("Ingress", "Source", "IpPermissions"),
    rule("Egress", "Destination", "IpPermissionsEgress"),
    Life(
        type="AWS::WAFv2::WebACLAssociation",
        needs={
            "Acl": ACL,
            "Vpc": VPC,
            "Subnet": SUBNET,
            "Balancer": {
                "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "Properties": {"Type": "application", "Subnets": [ref("Subnet")]},
            },
        },
        properties={
            "ResourceArn": ref("Balancer"),
            "WebACLArn": {"Fn::GetAtt": ["Acl", "Arn"]},
        },
        call=("wafv2", "get_web_acl_for_resource", {"ResourceArn": "{Balancer}"}),
        value="WebACL.Name",
        shown=("acl",),
    ),
    Life(
        type="AWS::WAFv2::LoggingConfiguration",
        needs={"Acl": ACL},
        properties={"ResourceArn": {"Fn::GetAtt": ["Acl", "Arn"]}, **logged_in("aws-waf-logs-a")},
        change=logged_in("aws-waf-logs-b"),
        call=("wafv2", "get_logging_configuration", {"ResourceArn": "{It}"}),
        value="LoggingConfiguration.LogDestinationConfigs[0]",
        shown=(f"{DESTINATION}aws-waf-logs-a", f"{DESTINATION}aws-waf-logs-b"),
    ),
)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.type)
def test_a_type_lives_and_dies_as_its_template_says(stack, life):
    check(stack, life)


def test_every_type_here_has_its_test():
    added = {handler.type for handler in (*ec2.HANDLERS, *waf.HANDLERS)}

    assert added == {life.type for life in LIVES}
