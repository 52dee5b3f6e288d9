"""Nothing can be reached from outside but what an environment's file opens: a gateway, kubectl."""

import json

import pytest

every_environment = pytest.mark.parametrize(
    "environment", ["demo", "dev", "prod", "closed", "open"]
)


@pytest.fixture
def every(stacks):
    """(stack, properties) of every resource of a type, of all stacks of an environment."""

    def of(environment, kind):
        return [
            (name, properties)
            for name, stack in stacks(environment).items()
            for properties in stack.every(kind).values()
        ]

    return of


@every_environment
def test_nothing_that_computes_is_in_a_public_subnet_or_has_a_public_address(every, environment):
    groups = [p["Subnets"] for _, p in every(environment, "AWS::EKS::Nodegroup")]
    functions = [
        p["VpcConfig"] for _, p in every(environment, "AWS::Lambda::Function") if "VpcConfig" in p
    ]
    services = [
        p["NetworkConfiguration"]["AwsvpcConfiguration"]
        for _, p in every(environment, "AWS::ECS::Service")
    ]
    files = [p["SubnetIds"] for _, p in every(environment, "AWS::FSx::FileSystem")]
    control = [p["ResourcesVpcConfig"] for _, p in every(environment, "AWS::EKS::Cluster")]
    placed = json.dumps([groups, functions, services, files, control])

    assert groups
    assert services
    assert "VpcPrivate" in placed
    assert "VpcPublic" not in placed
    assert all(service["AssignPublicIp"] == "DISABLED" for service in services)
    for _, template in every(environment, "AWS::EC2::LaunchTemplate"):
        assert "AssociatePublicIpAddress" not in json.dumps(template)


@every_environment
def test_private_subnets_have_no_way_to_the_internet_but_the_nat(every, environment):
    """A route to an internet gateway stands in tables of public subnets alone."""
    for _, route in every(environment, "AWS::EC2::Route"):
        if "GatewayId" in route:
            assert "VpcPublic" in json.dumps(route["RouteTableId"])
        else:
            assert set(route) == {"DestinationCidrBlock", "NatGatewayId", "RouteTableId"}
    for _, subnet in every(environment, "AWS::EC2::Subnet"):
        assert subnet["MapPublicIpOnLaunch"] is False


@every_environment
def test_the_file_decides_what_is_public(every, environment, environments):
    config = environments[environment]
    [(_, balancer)] = every(environment, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    [(_, cluster)] = every(environment, "AWS::EKS::Cluster")
    access = cluster["ResourcesVpcConfig"]

    assert (balancer["Scheme"] == "internet-facing") == config.gateway.public
    assert access["EndpointPrivateAccess"] is True
    assert access["EndpointPublicAccess"] == (config.cluster.endpoint == "public")


@every_environment
def test_what_is_public_speaks_tls_1_2_at_least(every, environment, environments):
    config = environments[environment].gateway
    for _, listener in every(environment, "AWS::ElasticLoadBalancingV2::Listener"):
        if config.public or config.certificate:
            assert listener["Protocol"] == "HTTPS"
            assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
        else:
            assert listener["Protocol"] == "HTTP"


@every_environment
def test_no_bucket_and_no_function_is_for_everybody(every, environment):
    for _, bucket in every(environment, "AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert not every(environment, "AWS::Lambda::Url")
    for _, permission in every(environment, "AWS::Lambda::Permission"):
        assert permission["Principal"] == "events.amazonaws.com"
        assert permission["SourceArn"]["Fn::GetAtt"], "of a rule of the same stack"


def test_without_a_way_out_nothing_leaves(every):
    for kind in ("NatGateway", "InternetGateway", "EgressOnlyInternetGateway", "EIP", "Route"):
        assert not every("closed", f"AWS::EC2::{kind}")
    for kind in ("VPCPeeringConnection", "TransitGatewayAttachment", "VPNConnection"):
        assert not every("closed", f"AWS::EC2::{kind}")
