"""What is counted is what the templates hold: a new billable resource without a price fails here.

The templates are read here by themselves; nothing of how `operations.cost` counts is used.
"""

from collections import defaultdict
from datetime import date

import pytest

from operations.cost.estimate import estimate
from operations.cost.usage import Assumptions

DAY = date(2026, 11, 22)
ENVIRONMENTS = ("demo", "dev", "prod", "closed", "open")

# Types that cost nothing by themselves, and why.
FREE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "a setting",
    "AWS::Bedrock::ApplicationInferenceProfile": "a name for tokens that a model is paid for",
    "AWS::Bedrock::GuardrailVersion": "a copy of settings",
    "AWS::Budgets::Budget": "a budget without actions is free",
    "AWS::EC2::FlowLog": "its records are those of its log group",
    "AWS::EC2::PlacementGroup": "a setting",
    "AWS::EC2::Route": "a setting",
    "AWS::EC2::RouteTable": "a setting",
    "AWS::EC2::SecurityGroup": "a setting",
    "AWS::EC2::SecurityGroupEgress": "a setting",
    "AWS::EC2::SecurityGroupIngress": "a setting",
    "AWS::EC2::Subnet": "a setting",
    "AWS::EC2::SubnetRouteTableAssociation": "a setting",
    "AWS::EC2::VPC": "a setting",
    "AWS::EC2::VPCGatewayAttachment": "a setting",
    "AWS::ECS::TaskDefinition": "its tasks are the service's",
    "AWS::EKS::AccessEntry": "a setting",
    "AWS::EKS::Addon": "runs on the nodes",
    "AWS::EKS::PodIdentityAssociation": "a setting",
    "AWS::ElasticLoadBalancingV2::Listener": "part of its load balancer",
    "AWS::ElasticLoadBalancingV2::ListenerRule": "part of its load balancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "part of its load balancer",
    "AWS::Events::Rule": "its own account's schedule is free",
    "AWS::IAM::Policy": "IAM is free",
    "AWS::IAM::Role": "IAM is free",
    "AWS::Lambda::LayerVersion": "storage of a few MB within Lambda's own",
    "AWS::Lambda::Permission": "a setting",
    "AWS::Logs::MetricFilter": "its metric is there in a month in which memory breaks",
    "AWS::S3::BucketPolicy": "a setting",
    "AWS::SageMaker::EndpointConfig": "its instances are the endpoint's",
    "AWS::SageMaker::Model": "a setting",
    "AWS::SNS::Subscription": "the first 1,000 mails of a month are free",
    "AWS::SNS::Topic": "the first million publications of a month are free",
    "AWS::SNS::TopicPolicy": "a setting",
    "AWS::SSM::Parameter": "standard parameters are free",
    "AWS::WAFv2::LoggingConfiguration": "its records are those of its log group",
    "AWS::WAFv2::WebACLAssociation": "a setting",
    "Custom::AWSCDK-EKS-HelmChart": "runs on the nodes",
    "Custom::AWSCDK-EKS-KubernetesResource": "runs on the nodes",
    "Custom::S3AutoDeleteObjects": "a run of a function",
}

# Types that are paid by use alone: their quantity is an assumption, their number is not.
BY_USE = {
    "AWS::Bedrock::Guardrail",
    "AWS::DynamoDB::GlobalTable",
    "AWS::EC2::InternetGateway",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
}


def each(properties, stack):
    return [(1, 1)]


def endpoint(properties, stack):
    zones = len(properties.get("SubnetIds", ()))
    return [(zones, zones)] if properties["VpcEndpointType"] == "Interface" else []


def alarm(properties, stack):
    metrics = sum("MetricStat" in query for query in properties.get("Metrics", ())) or 1
    return [(metrics, metrics)]


def scaling(properties, stack):
    assert properties["PolicyType"] == "TargetTrackingScaling"
    return [(2, 2)]  # alarms


def nodes(properties, stack):
    scaling = properties["ScalingConfig"]
    least, most = int(scaling["MinSize"]), int(scaling["MaxSize"])
    template = stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    held = "CapacityReservationSpecification" in template
    return [(most if held else least, most)]


def disks(properties, stack):
    [device] = properties["LaunchTemplateData"]["BlockDeviceMappings"]
    gb = device["Ebs"]["VolumeSize"]
    scaling = stack.only("AWS::EKS::Nodegroup")["ScalingConfig"]
    return [(gb * int(scaling["MinSize"]), gb * int(scaling["MaxSize"]))]


def balancer(properties, stack):
    public = properties["Scheme"] == "internet-facing"
    zones = len(properties["Subnets"])
    return [(1, 1), *([(zones, zones)] if public else [])]


def tasks(properties, stack):
    task = stack.only("AWS::ECS::TaskDefinition")
    target = stack.only("AWS::ApplicationAutoScaling::ScalableTarget")
    least, most = target["MinCapacity"], target["MaxCapacity"]
    sizes = (int(task["Cpu"]) / 1024, int(task["Memory"]) / 1024)
    return [(least * size, most * size) for size in sizes]


def hosted(properties, stack):
    [variant] = stack.only("AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    count = variant["InitialInstanceCount"]
    return [(count, count)]


def firewall(properties, stack):
    rules = len(properties["Rules"])
    return [(1, 1), (rules, rules)]


def capacity(properties, stack):
    return [(properties["StorageCapacity"], properties["StorageCapacity"])]


STANDING = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": scaling,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": each,
    "AWS::EC2::EIP": each,
    "AWS::EC2::LaunchTemplate": disks,
    "AWS::EC2::NatGateway": each,
    "AWS::EC2::VPCEndpoint": endpoint,
    "AWS::ECS::Service": tasks,
    "AWS::EKS::Cluster": each,
    "AWS::EKS::Nodegroup": nodes,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": balancer,
    "AWS::FSx::FileSystem": capacity,
    "AWS::KMS::Key": each,
    "AWS::SageMaker::Endpoint": hosted,
    "AWS::WAFv2::WebACL": firewall,
}


@pytest.fixture
def bill(environments):
    def of(name):
        return estimate(name, environments[name], day=DAY, month=Assumptions())

    return of


def resources(stack):
    return [(r["Type"], r.get("Properties", {})) for r in stack.template["Resources"].values()]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_resource_has_a_price_or_is_known_to_cost_nothing(stacks, name):
    types = {kind for stack in stacks(name).values() for kind, _ in resources(stack)}

    assert types - STANDING.keys() - BY_USE - FREE.keys() == set()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_stands_is_counted_as_the_templates_have_it(stacks, bill, name):
    """Of each type in each stack: how much at the minimum sizes, and how much at the maximum."""
    templates, counted = defaultdict(list), defaultdict(list)
    for stack_id, stack in stacks(name).items():
        for kind, properties in resources(stack):
            if kind in STANDING:
                templates[stack_id, kind] += STANDING[kind](properties, stack)
    for line in bill(name).lines:
        counted[line.stack, line.resource].append((line.idle, line.full))

    assert summed(counted) == summed(templates)


def summed(amounts):
    """Lines of one type may stand for one resource (vCPUs and GB) or for several (endpoints)."""
    return {
        key: tuple(sum(column) for column in zip(*rows, strict=True))
        for key, rows in amounts.items()
        if rows
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_as_many_resources_stand_behind_a_line_as_the_template_holds(stacks, bill, name):
    held, counted = defaultdict(int), {}
    for stack_id, stack in stacks(name).items():
        for kind, properties in resources(stack):
            if kind in BY_USE or (kind in STANDING and STANDING[kind](properties, stack)):
                held[stack_id, kind] += 1
    estimated = bill(name)
    for line in (*estimated.lines, *estimated.usage):
        if line.resource:
            assert counted.setdefault((line.stack, line.resource), line.resources) == line.resources

    assert counted == held


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_nodes_and_endpoints_are_of_the_types_that_the_templates_launch(stacks, bill, name):
    launched, named = {}, {}
    for stack_id, stack in stacks(name).items():
        for group in stack.every("AWS::EKS::Nodegroup").values():
            template = stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
            launched[stack_id] = template.get("InstanceType") or group["InstanceTypes"][0]
        for configuration in stack.every("AWS::SageMaker::EndpointConfig").values():
            launched[stack_id] = configuration["ProductionVariants"][0]["InstanceType"]
    for line in bill(name).lines:
        if line.resource in ("AWS::EKS::Nodegroup", "AWS::SageMaker::Endpoint"):
            named[line.stack] = line.what.split(", ")[1]

    assert named == launched


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_pool_is_priced_as_its_template_buys_it(stacks, bill, name):
    bought = {
        "SPOT": "spot",
        "CAPACITY_BLOCK": "capacity-block",
        "ON_DEMAND": "on-demand",
    }
    for pool, ways in bill(name).pools:
        stack = stacks(name)[f"pool-{pool.name}"]
        kind = bought[stack.only("AWS::EKS::Nodegroup")["CapacityType"]]
        template = stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        if kind == "on-demand" and "CapacityReservationSpecification" in template:
            kind = "reservation"
        assert [way.kind for way in ways if way.chosen] == [kind]
