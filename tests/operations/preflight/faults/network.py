"""What the network can lack."""

from tests.operations.preflight.faults.injected import fault, set_quota


@fault(
    "dev",
    "network-quotas",
    "fails",
    "VPCs in the region",
    "--quota-code L-F678F1CE --desired-value 6",
)
def no_vpc_left(answers):
    answers["ec2:DescribeVpcs"]["Vpcs"] *= 5


@fault(
    "dev",
    "network-quotas",
    "fails",
    "Elastic IP addresses",
    "--service-code ec2 --quota-code L-0263D0A3",
)
def no_address_left(answers):
    answers["ec2:DescribeAddresses"]["Addresses"] *= 5


@fault("prod", "network-quotas", "fails", "NAT gateways in the network's first zone", "L-FE5A380F")
def no_nat_gateway_left(answers):
    subnet = answers["ec2:DescribeSubnets"]["Subnets"][0]["SubnetId"]
    rows = [{"NatGatewayId": f"nat-{n}", "SubnetId": subnet} for n in range(5)]
    answers["ec2:DescribeNatGateways"]["NatGateways"] = rows


@fault("dev", "network-quotas", "fails", "internet gateways", "L-A4707A72")
def no_internet_gateway_left(answers):
    answers["ec2:DescribeInternetGateways"]["InternetGateways"] *= 5


@fault("closed", "network-quotas", "fails", "interface endpoints in a VPC", "--desired-value 13")
def too_few_endpoints_in_a_vpc(answers):
    set_quota(answers, "vpc", "L-29B6F2EB", 10.0)


@fault("closed", "network-quotas", "fails", "gateway endpoints in the region", "L-1B52E74A")
def no_gateway_endpoint_left(answers):
    answers["ec2:DescribeVpcEndpoints"]["VpcEndpoints"] = [{"VpcEndpointId": "vpce-1"}] * 19


@fault("prod", "network-quotas", "fails", "network interfaces in the region", "L-DF5E4CA3")
def too_few_network_interfaces(answers):
    set_quota(answers, "vpc", "L-DF5E4CA3", 40.0)


@fault(
    "closed",
    "endpoint-services",
    "fails",
    "bedrock-runtime has no endpoint in usw2-az4",
    "network.zones",
)
def endpoint_not_in_a_zone(answers):
    for row in answers["ec2:DescribeVpcEndpointServices"]["ServiceDetails"]:
        if row["ServiceName"].endswith("bedrock-runtime"):
            row["AvailabilityZoneIds"].remove("usw2-az4")


@fault(
    "closed",
    "endpoint-services",
    "fails",
    "no endpoint service com.amazonaws.us-west-2.eks-auth",
    "nat",
)
def endpoint_service_not_in_the_region(answers):
    rows = answers["ec2:DescribeVpcEndpointServices"]["ServiceDetails"]
    rows[:] = [row for row in rows if not row["ServiceName"].endswith("eks-auth")]


@fault("prod", "address-range", "fails", "has 10.9.0.0/16", "10.9.0.0/16", deployed=True)
def network_has_another_range(answers):
    answers["ec2:DescribeVpcs"]["Vpcs"][1]["CidrBlock"] = "10.9.0.0/16"


@fault(
    "prod", "addresses", "may fail", "use2-az1 has 100 addresses left", "max_nodes", deployed=True
)
def subnet_is_full(answers):
    for row in answers["ec2:DescribeSubnets"]["Subnets"]:
        if row["AvailabilityZoneId"] == "use2-az1":
            row["AvailableIpAddressCount"] = 100


@fault("dev", "network-quotas", "fails", "rules of a direction", "--quota-code L-0EA8095F")
def too_few_rules_in_a_group(answers):
    set_quota(answers, "vpc", "L-0EA8095F", 3.0)


@fault(
    "closed",
    "endpoint-services",
    "fails",
    "ssm has no endpoint in usw2-az1",
    "leave usw2-az1 out",
)
def endpoint_zones_by_name(answers):
    for row in answers["ec2:DescribeAvailabilityZones"]["AvailabilityZones"]:
        row["ZoneName"] = row["ZoneId"].replace("usw2-az", "us-west-2.")
    for row in answers["ec2:DescribeVpcEndpointServices"]["ServiceDetails"]:
        row["AvailabilityZones"] = [f"us-west-2.{n}" for n in "1234"]
        del row["AvailabilityZoneIds"]
        if row["ServiceName"].endswith(".ssm"):
            row["AvailabilityZones"].remove("us-west-2.1")
