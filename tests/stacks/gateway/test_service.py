from types import SimpleNamespace

import pytest

from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.emf import EmbeddedMetrics


@pytest.fixture
def gateway(stacks):
    return stacks("prod")["gateway"]


@pytest.fixture
def container(gateway):
    [container] = gateway.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return container


def test_tasks_run_on_graviton(gateway):
    task = gateway.only("AWS::ECS::TaskDefinition")

    assert task["RuntimePlatform"] == {
        "CpuArchitecture": "ARM64",
        "OperatingSystemFamily": "LINUX",
    }
    assert task["RequiresCompatibilities"] == ["FARGATE"]


def test_the_command_is_the_gateways_with_its_tables(gateway, container):
    ledger, tenants = sorted(gateway.every("AWS::DynamoDB::GlobalTable"))
    assert ledger.startswith("Ledger")

    assert container["Command"] == [
        *("--host", "0.0.0.0", "--port", "8080"),
        *("--table", {"Ref": tenants}),
        *("--ledger-table", {"Ref": ledger}),
        *("--leave", "10"),
    ]
    assert [port["ContainerPort"] for port in container["PortMappings"]] == [8080]


def test_a_task_writes_nowhere_and_lets_streams_end(container):
    assert container["ReadonlyRootFilesystem"] is True
    assert container["StopTimeout"] == 120


def test_tasks_are_in_private_subnets_and_nobody_gets_a_shell(gateway):
    service = gateway.only("AWS::ECS::Service")
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]

    assert network["AssignPublicIp"] == "DISABLED"
    assert all("VpcPrivateSubnet" in str(subnet) for subnet in network["Subnets"])
    assert not service.get("EnableExecuteCommand")


def test_a_deployment_that_fails_is_taken_back(gateway):
    deployment = gateway.only("AWS::ECS::Service")["DeploymentConfiguration"]

    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["MinimumHealthyPercent"] == 100


def trackings(gateway):
    return [
        policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in gateway.every("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    ]


def test_there_are_two_tasks_at_least_and_more_when_busy(gateway):
    target = gateway.only("AWS::ApplicationAutoScaling::ScalableTarget")

    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    [cpu] = [t for t in trackings(gateway) if "PredefinedMetricSpecification" in t]
    assert cpu["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
    }


@pytest.mark.parametrize("environment", ["demo", "dev", "prod", "closed", "open"])
def test_tasks_follow_what_each_of_them_says_is_in_flight(stacks, environment):
    """The line that a task logs, against the metric that the service scales on."""
    gateway = stacks(environment)["gateway"]
    [container] = gateway.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    names = {e["Name"]: e["Value"] for e in container["Environment"]}
    [tracking] = [t for t in trackings(gateway) if "CustomizedMetricSpecification" in t]
    metric = tracking["CustomizedMetricSpecification"]

    written = []
    writer = SimpleNamespace(write=written.append)
    EmbeddedMetrics(names["GATEWAY_SERVICE"], Metrics(), writer).publish()

    [line] = written
    [published] = line["_aws"]["CloudWatchMetrics"]
    assert published["Namespace"] == metric["Namespace"]
    assert metric["MetricName"] in [each["Name"] for each in published["Metrics"]]
    [dimensions] = published["Dimensions"]
    assert [{"Name": name, "Value": line[name]} for name in dimensions] == metric["Dimensions"]
    assert metric["Statistic"] == "Average"
    assert tracking["ScaleInCooldown"] > tracking["ScaleOutCooldown"]


def test_logs_are_kept_three_months_under_the_gateways_key(gateway):
    [logs] = [
        group for name, group in gateway.every("AWS::Logs::LogGroup").items() if "Service" in name
    ]
    [key] = gateway.every("AWS::KMS::Key")

    assert logs["RetentionInDays"] == 90
    assert logs["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    services = [
        statement["Principal"].get("Service")
        for statement in gateway.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    ]
    assert "logs.us-east-2.amazonaws.com" in services
