"""Whatever stores something is encrypted, by keys that rotate, and moves over TLS alone."""

import pytest

from workloads.hardware import INSTANCES

every_environment = pytest.mark.parametrize(
    "environment", ["demo", "dev", "prod", "closed", "open"]
)


def volumes(template):
    devices = template["LaunchTemplateData"]["BlockDeviceMappings"]
    return bool(devices) and all(device["Ebs"]["Encrypted"] is True for device in devices)


def bucket(properties):
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("aws:kms", "AES256")


def table(properties):
    keys = [r["SSESpecification"].get("KMSMasterKeyId") for r in properties["Replicas"]]
    return properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"} and all(keys)


def endpoint(properties):
    types = [v["InstanceType"] for v in properties["ProductionVariants"]]
    # Disks of the instance's own are encrypted by its hardware, and take no key.
    own = all(INSTANCES[name.removeprefix("ml.")].local_nvme_gb for name in types)
    return own or bool(properties.get("KmsKeyId"))


# Type of what stores something -> whether it is encrypted.
STORES = {
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::EC2::LaunchTemplate": volumes,
    "AWS::ECR::Repository": lambda p: p["EncryptionConfiguration"]["EncryptionType"] == "KMS",
    "AWS::EKS::Cluster": lambda p: [e["Resources"] for e in p["EncryptionConfig"]] == [["secrets"]],
    "AWS::FSx::FileSystem": lambda p: bool(p["KmsKeyId"]),
    "AWS::S3::Bucket": bucket,
    "AWS::SageMaker::EndpointConfig": endpoint,
    "AWS::SNS::Topic": lambda p: bool(p["KmsMasterKeyId"]),
}
# AWS encrypts these under keys of its own without being asked: logs without prompts (those of the
# gateway have a key, below), functions' code, Fargate's disks, a parameter that holds no secret.
BY_AWS = {
    "AWS::ECS::TaskDefinition",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Logs::LogGroup",
    "AWS::SSM::Parameter",
}
NOTHING_STORED = {
    *(f"AWS::ApplicationAutoScaling::{name}" for name in ("ScalableTarget", "ScalingPolicy")),
    *(
        f"AWS::Bedrock::{n}"
        for n in ("ApplicationInferenceProfile", "Guardrail", "GuardrailVersion")
    ),
    *("AWS::Budgets::Budget", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),
    *(f"AWS::EC2::{name}" for name in ("EIP", "FlowLog", "InternetGateway", "NatGateway")),
    *(f"AWS::EC2::{name}" for name in ("PlacementGroup", "Route", "RouteTable", "Subnet", "VPC")),
    *(f"AWS::EC2::SecurityGroup{suffix}" for suffix in ("", "Egress", "Ingress")),
    *(
        f"AWS::EC2::{n}"
        for n in ("SubnetRouteTableAssociation", "VPCEndpoint", "VPCGatewayAttachment")
    ),
    *(f"AWS::ECS::{name}" for name in ("Cluster", "Service")),
    *(f"AWS::EKS::{n}" for n in ("AccessEntry", "Addon", "Nodegroup", "PodIdentityAssociation")),
    *(f"AWS::ElasticLoadBalancingV2::{name}" for name in ("Listener", "ListenerRule")),
    *(f"AWS::ElasticLoadBalancingV2::{name}" for name in ("LoadBalancer", "TargetGroup")),
    *("AWS::Events::Rule", "AWS::Lambda::Permission", "AWS::Logs::MetricFilter"),
    *("AWS::IAM::Policy", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::S3::BucketPolicy"),
    *("AWS::SNS::Subscription", "AWS::SNS::TopicPolicy"),
    *("AWS::SageMaker::Endpoint", "AWS::SageMaker::Model"),  # its files are in the bucket
    *(f"AWS::WAFv2::{name}" for name in ("LoggingConfiguration", "WebACL", "WebACLAssociation")),
    *("Custom::AWSCDK-EKS-HelmChart", "Custom::AWSCDK-EKS-KubernetesResource"),
    "Custom::S3AutoDeleteObjects",
}


@pytest.fixture
def resources(stacks):
    """(stack/logical ID, type, properties) of every resource of an environment."""

    def of(environment):
        return [
            (f"{name}/{logical_id}", resource["Type"], resource.get("Properties", {}))
            for name, stack in stacks(environment).items()
            for logical_id, resource in stack.template.get("Resources", {}).items()
        ]

    return of


@every_environment
def test_it_is_known_of_every_type_whether_it_stores_something(resources, environment):
    kinds = {kind for _, kind, _ in resources(environment)}

    assert kinds - STORES.keys() - BY_AWS - NOTHING_STORED == set()


@every_environment
def test_whatever_stores_something_is_encrypted(resources, environment):
    stores = [(where, kind, p) for where, kind, p in resources(environment) if kind in STORES]

    assert len(stores) > 10
    assert [where for where, kind, properties in stores if not STORES[kind](properties)] == []


@every_environment
def test_every_key_is_rotated(resources, environment):
    keys = [p for _, kind, p in resources(environment) if kind == "AWS::KMS::Key"]

    assert len(keys) >= 4
    for properties in keys:
        assert properties["EnableKeyRotation"] is True
        assert "RotationPeriodInDays" not in properties  # each year, KMS's own
        assert "KeySpec" not in properties  # others cannot rotate by themselves


@every_environment
def test_the_logs_of_the_gateway_are_under_its_own_key(resources, environment):
    groups = [
        (where, p) for where, kind, p in resources(environment) if kind == "AWS::Logs::LogGroup"
    ]

    assert all(p["RetentionInDays"] <= 90 for _, p in groups)
    named = [(where, p) for where, p in groups if where.startswith("gateway/")]
    assert len(named) == 2
    assert all(p["KmsKeyId"] for _, p in named)


@every_environment
def test_buckets_and_topics_refuse_what_is_not_tls(resources, environment):
    refusals = {"AWS::S3::BucketPolicy": 0, "AWS::SNS::TopicPolicy": 0}
    for where, kind, properties in resources(environment):
        if kind not in refusals:
            continue
        refusals[kind] += 1
        denied = [
            statement["Condition"]
            for statement in properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied, where
    kinds = [kind for _, kind, _ in resources(environment)]

    assert refusals["AWS::S3::BucketPolicy"] == kinds.count("AWS::S3::Bucket")
    assert refusals["AWS::SNS::TopicPolicy"] == kinds.count("AWS::SNS::Topic")


@every_environment
def test_the_accounts_alarms_pass_the_topics_own_policy(resources, environment, environments):
    """A policy of a topic's own takes the place of the one that lets the account publish."""
    [policy] = [p for _, kind, p in resources(environment) if kind == "AWS::SNS::TopicPolicy"]

    [allowed] = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    region = environments[environment].region
    alarms = f"arn:aws:cloudwatch:{region}:111122223333:alarm:*"
    assert allowed["Condition"] == {"ArnLike": {"aws:SourceArn": alarms}}
