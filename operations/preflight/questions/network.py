"""Whether the network can be made where it is wanted, and has room for the nodes."""

from collections import Counter
from collections.abc import Iterator

from operations.preflight.needs import GATEWAY_ENDPOINTS, interface_endpoints
from operations.preflight.nodes import RUNNING, cluster_of, running
from operations.preflight.registry import Case, Found, listed, question


@question(
    "endpoint-services",
    "network",
    title="The region has every service that the VPC has an endpoint for, in each of its zones",
    without="The network stack fails: the endpoint service does not exist, or does not support "
    "the Availability Zone of the subnet.",
    asks=["ec2:DescribeVpcEndpointServices", "ec2:DescribeAvailabilityZones"],
    sources=["https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html"],
)
def endpoint_services(case: Case) -> Iterator[Found]:
    names = {
        f"com.amazonaws.{case.region}.{part}": part
        for part in (*interface_endpoints(case.config), *GATEWAY_ENDPOINTS)
    }
    answer = case.ask(
        "ec2",
        "DescribeVpcEndpointServices",
        Filters=[{"Name": "service-name", "Values": sorted(names)}],
    )
    ids = {
        row["ZoneName"]: row["ZoneId"]
        for row in case.ask("ec2", "DescribeAvailabilityZones")["AvailabilityZones"]
        if "ZoneName" in row
    }
    details: dict[str, set[str]] = {}
    for row in answer["ServiceDetails"]:
        zones = details.setdefault(row["ServiceName"], set())
        zones.update(row.get("AvailabilityZoneIds", ()))
        # Not every answer has the IDs; the names are this account's own.
        zones.update(ids[name] for name in row.get("AvailabilityZones", ()) if name in ids)
    for name, part in names.items():
        if name not in details:
            yield Found(
                "fails",
                f"the region has no endpoint service {name}",
                f'set network.egress = "nat" in {case.name}.toml, or choose another region',
            )
            continue
        missing = [zone for zone in case.config.network.zones if zone not in details[name]]
        if part not in GATEWAY_ENDPOINTS and details[name] and missing:
            yield Found(
                "fails",
                f"{name} has no endpoint in {listed(missing)}; it has in "
                f"{listed(sorted(details[name]))}",
                f"leave {listed(missing)} out of network.zones in {case.name}.toml",
            )


@question(
    "address-range",
    "network",
    title="A network that exists has the environment's address range",
    without="CloudFormation would replace the VPC, which nothing in it survives: the update "
    "fails, or everything in it is made anew.",
    asks=[
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackResources",
        "ec2:DescribeVpcs",
    ],
    sources=[
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-ec2-vpc.html"
    ],
)
def address_range(case: Case) -> Iterator[Found]:
    vpc = case.physical_id("network", "AWS::EC2::VPC")
    if vpc is None:
        return
    for row in case.ask("ec2", "DescribeVpcs")["Vpcs"]:
        if row["VpcId"] == vpc and row["CidrBlock"] != case.config.network.cidr:
            yield Found(
                "fails",
                f"{vpc} of stack {case.name}-network has {row['CidrBlock']}, and {case.name}.toml "
                f"says {case.config.network.cidr}",
                f'set network.cidr = "{row["CidrBlock"]}" in {case.name}.toml',
            )


@question(
    "addresses",
    "network",
    title="The subnets of a network that exists have addresses left for all nodes",
    without="Nodes do not start, InsufficientFreeAddressesInSubnet, or pods wait for addresses.",
    asks=[*RUNNING, "ec2:DescribeSubnets"],
    sources=["https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"],
)
def addresses(case: Case) -> Iterator[Found]:
    vpc = case.physical_id("network", "AWS::EC2::VPC")
    if vpc is None:
        return
    subnets = case.ask("ec2", "DescribeSubnets", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    free: Counter[str] = Counter()
    for row in subnets["Subnets"]:
        # Nodes are in each zone's large subnet; the public ones are small.
        zone = row["AvailabilityZoneId"]
        free[zone] = max(free[zone], row["AvailableIpAddressCount"])
    cluster = case.physical_id("cluster", "AWS::EKS::Cluster")
    nodes = Counter(
        instance["InstanceType"]
        for instance in running(case)
        if cluster and cluster_of(instance) == cluster
    )
    need: Counter[str] = Counter()
    for pool in case.config.pools:
        started = min(nodes[pool.instance_type], pool.max_nodes)
        nodes[pool.instance_type] -= started
        need[pool.zone] += (pool.max_nodes - started) * pool.addresses_per_node
    for zone, wanted in need.items():
        if zone in free and wanted > free[zone]:
            yield Found(
                "may fail",
                f"the subnet of {zone} has {free[zone]} addresses left, and its pools can take "
                f"{wanted} more",
                f"lower max_nodes of the pools of {zone} in {case.name}.toml",
            )
