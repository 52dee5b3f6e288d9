import pytest
from aws_cdk import aws_ec2 as ec2

from stacks.node_pool.efa_security_group import EfaSecurityGroup


@pytest.fixture
def vpc(stack):
    return ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["use2-az3"]
    )


@pytest.fixture
def rules(stack, vpc, synthesize):
    EfaSecurityGroup(stack, "Efa", vpc=vpc)
    template = synthesize(stack)
    [name] = template.every("AWS::EC2::SecurityGroup")
    return template, {"Fn::GetAtt": [name, "GroupId"]}


def test_all_traffic_comes_in_from_the_group_itself(rules):
    template, itself = rules

    rule = template.only("AWS::EC2::SecurityGroupIngress")

    assert (rule["GroupId"], rule["SourceSecurityGroupId"]) == (itself, itself)
    assert rule["IpProtocol"] == "-1"


def test_all_traffic_goes_out_to_the_group_itself(rules):
    template, itself = rules

    rule = template.only("AWS::EC2::SecurityGroupEgress")

    assert (rule["GroupId"], rule["DestinationSecurityGroupId"]) == (itself, itself)
    assert rule["IpProtocol"] == "-1"


def test_no_rule_stands_in_the_group_for_the_one_outwards_to_displace(rules):
    template, _ = rules

    assert "SecurityGroupEgress" not in template.only("AWS::EC2::SecurityGroup")


def test_a_group_that_may_go_anywhere_would_lose_the_rule_outwards(stack, vpc, synthesize):
    """The CDK's default, and why it is not taken here."""
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    group.connections.allow_internally(ec2.Port.all_traffic())

    template = synthesize(stack)

    assert len(template.every("AWS::EC2::SecurityGroupIngress")) == 1
    assert not template.every("AWS::EC2::SecurityGroupEgress")
