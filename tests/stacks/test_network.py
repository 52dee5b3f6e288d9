import json
import re

import aws_cdk as cdk
import pytest

from stacks.config import NetworkConfig
from stacks.network import NetworkStack

ZONES = {
    "demo": ["use2-az2", "use2-az3"],
    "prod": ["use2-az1", "use2-az2", "use2-az3"],
    "closed": ["usw2-az1", "usw2-az2", "usw2-az4"],
}

# Interface endpoint -> who calls it, from a network without a way out.
CALLED = {
    "autoscaling": "the cluster autoscaler",
    "bedrock-runtime": "the gateway",
    "ec2": "a node that starts, the VPC's network plugin, the autoscaler",
    "ecr.api": "kubelet, ECS and helm, which sign in",
    "ecr.dkr": "containerd, ECS and helm, which pull",
    "eks": "kubectl's function, the autoscaler",
    "eks-auth": "the agent of Pod Identity",
    "lambda": "CloudFormation's framework, which calls kubectl's function",
    "logs": "the gateway's tasks",
    "monitoring": "training runs",
    "sagemaker.runtime": "the gateway",
    "ssm": "Session Manager, which is the way onto a node",
    "ssmmessages": "Session Manager",
}


def subnets(stack, public):
    """The public or the private subnets, in the order of their logical IDs."""
    return [
        properties
        for name, properties in sorted(stack.every("AWS::EC2::Subnet").items())
        if ("Public" in name) == public
    ]


@pytest.mark.parametrize("environment", ZONES)
def test_every_zone_has_a_private_subnet_pinned_by_its_id(stacks, environment):
    private = subnets(stacks(environment)["network"], public=False)

    assert [subnet["AvailabilityZoneId"] for subnet in private] == ZONES[environment]


@pytest.mark.parametrize("environment", ZONES)
def test_no_zone_is_named_as_only_one_account_calls_it(stacks, environment):
    assert '"AvailabilityZone":' not in json.dumps(stacks(environment)["network"].template)


@pytest.mark.parametrize("environment", ZONES)
def test_no_subnet_gives_public_addresses(stacks, environment):
    every = stacks(environment)["network"].every("AWS::EC2::Subnet").values()

    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in every)


def test_egress_nat_is_one_gateway_for_all_private_subnets(stacks):
    network = stacks("prod")["network"]

    ways_out = [
        route["NatGatewayId"]
        for route in network.every("AWS::EC2::Route").values()
        if "NatGatewayId" in route
    ]

    assert len(network.every("AWS::EC2::NatGateway")) == 1
    assert len(ways_out) == 3


def test_egress_private_has_no_way_out(stacks):
    network = stacks("closed")["network"]

    for kind in ("NatGateway", "InternetGateway", "Route", "EIP"):
        assert not network.every(f"AWS::EC2::{kind}")
    assert not subnets(network, public=True)


def endpoints(stack, kind):
    return {
        json.dumps(endpoint["ServiceName"]): endpoint
        for endpoint in stack.every("AWS::EC2::VPCEndpoint").values()
        if endpoint["VpcEndpointType"] == kind
    }


@pytest.mark.parametrize("environment", ZONES)
def test_s3_and_dynamodb_are_reached_from_every_private_subnet_without_the_nat(stacks, environment):
    network = stacks(environment)["network"]
    tables = {
        name for name in network.every("AWS::EC2::RouteTable") if name.startswith("VpcPrivate")
    }

    gateways = endpoints(network, "Gateway")

    assert {service.rpartition(".")[2].rstrip('"]}') for service in gateways} == {"s3", "dynamodb"}
    for gateway in gateways.values():
        assert tables <= {table["Ref"] for table in gateway["RouteTableIds"]}


@pytest.mark.parametrize(
    ("environment", "called"),
    [
        ("demo", {"ecr.api", "ecr.dkr"}),
        ("dev", {"ecr.api", "ecr.dkr"}),
        ("prod", {"ecr.api", "ecr.dkr"}),
        ("open", {"ecr.api", "ecr.dkr"}),
        ("closed", set(CALLED)),
    ],
)
def test_there_is_an_endpoint_for_what_is_called_and_for_nothing_else(stacks, environment, called):
    services = endpoints(stacks(environment)["network"], "Interface")

    names = {re.search(r"[a-z]+-[a-z]+-\d\.([a-z0-9.-]+)", name)[1] for name in services}
    assert names == called


@pytest.mark.parametrize(
    ("runtimes", "reached"),
    [
        ((), set()),
        (("bedrock-runtime",), {"bedrock-runtime"}),
        (("bedrock-runtime", "sagemaker.runtime"), {"bedrock-runtime", "sagemaker.runtime"}),
    ],
)
def test_without_a_way_out_only_runtimes_that_are_called_cost_an_endpoint(
    runtimes, reached, synthesize, new_app
):
    config = NetworkConfig(zones=["use2-az1", "use2-az2"], egress="private")
    network = NetworkStack(
        new_app(),
        "network",
        config=config,
        runtimes=runtimes,
        env=cdk.Environment(region="us-east-2"),
    )

    found = endpoints(synthesize(network), "Interface")

    runtime = {name.rpartition("us-east-2.")[2].rstrip('"') for name in found if "runtime" in name}
    assert runtime == reached


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("dynamodb", "dynamodb:UpdateItem"),
        ("bedrock-runtime", "bedrock:ApplyGuardrail"),
        ("sagemaker.runtime", "sagemaker:InvokeEndpoint"),
    ],
)
def test_what_holds_prompts_and_tenants_is_for_this_accounts_identities_alone(
    stacks, service, action
):
    [endpoint] = [
        endpoint
        for endpoint in stacks("closed")["network"].every("AWS::EC2::VPCEndpoint").values()
        if service in json.dumps(endpoint["ServiceName"])
    ]

    [statement] = endpoint["PolicyDocument"]["Statement"]

    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}
    assert action in statement["Action"]
    assert not any("*" in action for action in statement["Action"])


def test_interface_endpoints_take_https_from_the_vpc_alone(stacks):
    network = stacks("closed")["network"]
    [name] = network.every("AWS::EC2::SecurityGroup")
    group = network.only("AWS::EC2::SecurityGroup")

    assert [
        (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"]
    ] == [("172.16.0.0/20", 443, 443)]
    for endpoint in endpoints(network, "Interface").values():
        assert endpoint["SecurityGroupIds"] == [{"Fn::GetAtt": [name, "GroupId"]}]
        assert endpoint["PrivateDnsEnabled"] is True


@pytest.mark.parametrize("environment", ZONES)
def test_rejected_flows_are_logged(stacks, environment):
    network = stacks(environment)["network"]

    assert network.only("AWS::EC2::FlowLog")["TrafficType"] == "REJECT"
    assert network.only("AWS::Logs::LogGroup")["RetentionInDays"] == 30


@pytest.mark.parametrize("egress", ["nat", "private"])
def test_a_zone_added_later_moves_no_subnet(egress, synthesize, new_app):
    zones = ["use2-az1", "use2-az2", "use2-az3"]

    def blocks(count):
        config = NetworkConfig(zones=zones[:count], egress=egress)
        network = NetworkStack(
            new_app(),
            "network",
            config=config,
            runtimes=(),
            env=cdk.Environment(region="us-east-2"),
        )
        return {
            name: subnet["CidrBlock"]
            for name, subnet in synthesize(network).every("AWS::EC2::Subnet").items()
        }

    assert blocks(2).items() <= blocks(3).items()


def test_the_largest_share_of_the_smallest_network_still_fits_six_zones(synthesize, new_app):
    zones = [f"use1-az{number}" for number in range(1, 7)]
    config = NetworkConfig(zones=zones, cidr="10.0.0.0/20")

    network = NetworkStack(
        new_app(), "network", config=config, runtimes=(), env=cdk.Environment(region="us-east-1")
    )

    assert len(synthesize(network).every("AWS::EC2::Subnet")) == 12
