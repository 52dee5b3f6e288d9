"""What CloudWatch's agent finds in AWS when it starts."""

import json

import pytest

GROUP = "AWS::Logs::LogGroup"


def named(stack, kind, part):
    """The one resource of a kind whose logical ID begins with a construct's name."""
    [(name, properties)] = [
        (name, properties) for name, properties in stack.every(kind).items() if part in name
    ]
    return name, properties


@pytest.fixture
def cluster(stacks):
    return stacks("prod")["cluster"]


def test_the_log_group_has_the_agents_name_for_it_and_goes_with_the_cluster(cluster):
    logical_id, group = named(cluster, GROUP, "DeviceMetricsPerformance")

    [eks] = cluster.every("AWS::EKS::Cluster")
    assert group["LogGroupName"] == {
        "Fn::Join": ["", ["/aws/containerinsights/", {"Ref": eks}, "/performance"]]
    }
    assert group["RetentionInDays"] == 7
    assert cluster.template["Resources"][logical_id]["DeletionPolicy"] == "Delete"


def test_the_chart_waits_for_the_group_and_the_role(cluster):
    [chart] = [
        resource
        for resource in cluster.template["Resources"].values()
        if resource["Type"] == "Custom::AWSCDK-EKS-HelmChart"
        and resource["Properties"]["Release"] == "cloudwatch"
    ]

    waits = set(chart["DependsOn"])
    for kind in (GROUP, "AWS::EKS::PodIdentityAssociation", "AWS::IAM::Policy"):
        assert named(cluster, kind, "DeviceMetrics")[0] in waits


def test_the_agent_writes_lines_into_its_group_and_reads_tags(cluster):
    _, association = named(cluster, "AWS::EKS::PodIdentityAssociation", "DeviceMetrics")
    _, policy = named(cluster, "AWS::IAM::Policy", "DeviceMetrics")
    group, _ = named(cluster, GROUP, "DeviceMetricsPerformance")

    assert (association["Namespace"], association["ServiceAccount"]) == (
        "amazon-cloudwatch",
        "cloudwatch-agent",
    )
    [lines, reads] = policy["PolicyDocument"]["Statement"]
    assert lines["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert lines["Resource"] == {"Fn::GetAtt": [group, "Arn"]}
    assert all(action.startswith("ec2:Describe") for action in reads["Action"])


def test_memory_that_is_broken_for_good_is_counted_and_what_was_corrected_is_not(cluster):
    """Names: a metric's own, `_` and an event of neuron-monitor's, behind the agent's `node_`."""
    found = cluster.only("AWS::Logs::MetricFilter")

    [metric] = found["MetricTransformations"]
    assert (metric["MetricNamespace"], metric["MetricName"]) == ("Pools/prod", "BrokenMemory")
    assert found["FilterPattern"] == (
        "{ ($.node_neurondevice_hw_ecc_events_mem_ecc_uncorrected > 0)"
        " || ($.node_neurondevice_hw_ecc_events_sram_ecc_uncorrected > 0) }"
    )
    assert "_corrected" not in json.dumps(found)
