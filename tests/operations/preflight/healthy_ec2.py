"""What EC2 answers of a healthy account: network, types, what runs, what is reserved."""

from datetime import UTC, datetime, timedelta

from operations.preflight.needs import SYSTEM_TYPES
from workloads.hardware import INSTANCES, REGIONS

ACCOUNT = "111122223333"
NOW = datetime.now(UTC)


def reservations(config):
    rows = []
    for pool in config.pools:
        if (id := pool.capacity.reservation) is None:
            continue
        block = pool.capacity.kind == "capacity-block"
        group = pool.capacity.placement_group
        place = f"arn:aws:ec2:{config.region}:{ACCOUNT}:placement-group/{group}"
        rows.append(
            {
                "CapacityReservationId": id,
                "OwnerId": ACCOUNT,
                "AvailabilityZoneId": pool.zone,
                "InstanceType": pool.instance_type,
                "InstancePlatform": "Linux/UNIX",
                "Tenancy": "default",
                "TotalInstanceCount": pool.max_nodes,
                "AvailableInstanceCount": pool.max_nodes,
                "State": "active",
                "ReservationType": "capacity-block" if block else "default",
                **({"EndDate": NOW + timedelta(days=9)} if block else {}),
                **({"PlacementGroupArn": place} if group else {}),
            }
        )
    return rows


class Offerings:
    """EC2's offerings, of the types that are asked for."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, Filters, **_):
        [asked] = Filters
        rows = [row for row in self.rows if row["InstanceType"] in asked["Values"]]
        return {"InstanceTypeOfferings": rows}


def network(config, deployed):
    region, zones = config.region, config.network.zones
    services = [
        {
            "ServiceName": f"com.amazonaws.{region}.{part}",
            "AvailabilityZoneIds": list(REGIONS[region]),
        }
        for part in (
            *("s3", "dynamodb", "ecr.api", "ecr.dkr", "autoscaling", "bedrock-runtime"),
            *("monitoring", "ec2", "eks", "eks-auth", "elasticloadbalancing", "lambda", "logs"),
            *("sagemaker.runtime", "ssm", "ssmmessages", "sts", "kms", "sqs"),
        )
    ]
    subnets = [
        {
            "SubnetId": f"subnet-{kind}-{zone}",
            "VpcId": "vpc-0",
            "AvailabilityZoneId": zone,
            "AvailableIpAddressCount": free,
        }
        for zone in zones
        for kind, free in (("public", 59), ("private", 8000))
    ]
    default = {"VpcId": "vpc-default", "CidrBlock": "172.31.0.0/16"}
    own = [{"VpcId": "vpc-0", "CidrBlock": config.network.cidr}] if deployed else []
    gateway = {"NatGatewayId": "nat-1", "SubnetId": "subnet-of-another"}
    return {
        "ec2:DescribeVpcs": {"Vpcs": [default, *own]},
        "ec2:DescribeSubnets": {"Subnets": subnets},
        "ec2:DescribeAddresses": {"Addresses": [{"AllocationId": "eipalloc-1"}]},
        "ec2:DescribeNatGateways": {"NatGateways": [gateway]},
        "ec2:DescribeInternetGateways": {"InternetGateways": [{"InternetGatewayId": "igw-1"}]},
        "ec2:DescribeVpcEndpoints": {"VpcEndpoints": []},
        "ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": []},
        "ec2:DescribeVpcEndpointServices": {
            "ServiceNames": [row["ServiceName"] for row in services],
            "ServiceDetails": services,
        },
        "ec2:DescribeVolumes": {"Volumes": [{"VolumeId": "vol-1", "Size": 100}]},
    }


def instance(instance_type, **more):
    return {"InstanceId": "i-1", "InstanceType": instance_type, **more}


def capacity(name, config, deployed):
    types = {**{name: REGIONS[config.region] for name in SYSTEM_TYPES}}
    types |= {
        name: row.zones[config.region]
        for name, row in INSTANCES.items()
        if config.region in row.zones
    }
    offerings = [
        {"InstanceType": name, "Location": zone, "LocationType": "availability-zone-id"}
        for name, zones in types.items()
        for zone in zones
    ]
    tags = [{"Key": "eks:cluster-name", "Value": f"{name}-cluster-x"}]
    own = [instance(pool.instance_type, Tags=tags) for pool in config.pools] if deployed else []
    groups = {p.capacity.placement_group for p in config.pools if p.capacity.placement_group}
    return {
        "ec2:DescribeInstanceTypeOfferings": Offerings(offerings),
        "ec2:DescribeInstances": {"Reservations": [{"Instances": [instance("t3.small"), *own]}]},
        "ec2:DescribeInstanceTypes": {
            "InstanceTypes": [{"InstanceType": "t3.small", "VCpuInfo": {"DefaultVCpus": 2}}]
        },
        "ec2:DescribeCapacityReservations": {"CapacityReservations": reservations(config)},
        "ec2:DescribePlacementGroups": {
            "PlacementGroups": [
                {"GroupName": name, "State": "available", "Strategy": "cluster"} for name in groups
            ]
        },
    }
