"""What the alarms of pools look at, held against what tells it."""

import pytest

# aws/amazon-cloudwatch-agent at ab55b8d (2026-08-07), translator/translate/otel/exporter/awsemf/
# kubernetes.go: those of its metrics that have the dimensions {ClusterName} alone, among others.
OF_A_CLUSTER = {
    "cluster_failed_node_count",
    "cluster_node_count",
    "node_efa_impaired_remote_conn_events",
    "node_efa_retrans_timeout_events",
    "node_efa_rx_bytes",
    "node_efa_rx_dropped",
    "node_efa_unresponsive_remote_events",
    "node_neuron_execution_errors_total",
    "node_neurondevice_hw_ecc_events_total",
}
# And the dimensions of a device's.
OF_A_DEVICE = {
    "node_neuroncore_utilization": "ClusterName,InstanceId,InstanceType,NeuronCore,NeuronDevice,"
    "NodeName",
    "node_gpu_utilization": "ClusterName,GpuDevice,InstanceId,InstanceType,NodeName",
}


def looked_at(alarm):
    """Namespace, name and dimensions of each metric of an alarm."""
    parts = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", ()) if "MetricStat" in m]
    for metric in parts or [alarm]:
        names = tuple(dimension["Name"] for dimension in metric.get("Dimensions", ()))
        yield metric.get("Namespace"), metric.get("MetricName"), names


def alarms(stack, prefix):
    return [
        alarm
        for name, alarm in stack.every("AWS::CloudWatch::Alarm").items()
        if name.startswith(prefix)
    ]


@pytest.mark.parametrize("environment", ["demo", "dev", "prod", "closed", "open"])
def test_of_the_agent_they_look_at_metrics_that_it_has_by_cluster(stacks, environment):
    stack = stacks(environment)["observability"]

    found = [
        (name, dimensions)
        for alarm in alarms(stack, "")
        for namespace, name, dimensions in looked_at(alarm)
        if namespace == "ContainerInsights"
    ]
    assert ("cluster_failed_node_count", ("ClusterName",)) in found
    for name, dimensions in found:
        assert name in OF_A_CLUSTER
        assert dimensions == ("ClusterName",)


def dashboard(stack):
    body = stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else "CLUSTER" for part in body)


@pytest.mark.parametrize(
    ("environment", "metric", "instance_type"),
    [
        ("prod", "node_neuroncore_utilization", "trn1.32xlarge"),
        ("prod", "node_neuroncore_utilization", "inf2.48xlarge"),
        ("open", "node_gpu_utilization", "p6-b300.48xlarge"),
    ],
)
def test_the_dashboard_has_the_utilization_of_each_pools_type(
    stacks, environment, metric, instance_type
):
    shown = dashboard(stacks(environment)["observability"]).replace("\\", "")

    dimensions = OF_A_DEVICE[metric]
    assert f"SEARCH('{{ContainerInsights,{dimensions}}} " in shown
    assert f'MetricName="{metric}" ClusterName="CLUSTER" InstanceType="{instance_type}"' in shown


@pytest.mark.parametrize(
    ("environment", "idle", "asleep"),
    [
        ("prod", {"trn1", "inf2"}, set()),
        ("dev", {"trn1", "inf2"}, {"trn1"}),
        ("open", {"b300"}, set()),
    ],
)
def test_each_pool_that_is_metered_has_an_alarm_of_its_own(stacks, environment, idle, asleep):
    stack = stacks(environment)["observability"]

    for prefix, metric, pools in (
        ("AcceleratorsIdle", "IdleHours", idle),
        ("PoolAsleep", "PutToSleep", asleep),
    ):
        found = alarms(stack, prefix)
        assert {a["Dimensions"][0]["Value"] for a in found} == pools
        for alarm in found:
            assert (alarm["Namespace"], alarm["MetricName"]) == (f"Pools/{environment}", metric)
            assert alarm["Dimensions"][0]["Name"] == "Pool"


def test_idle_means_three_hours(stacks):
    for alarm in alarms(stacks("prod")["observability"], "AcceleratorsIdle"):
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (2, "GreaterThanThreshold")
        assert "3 hours" in alarm["AlarmDescription"]


def test_broken_memory_is_counted_where_the_alarm_looks(stacks):
    prod = stacks("prod")
    [counted] = prod["cluster"].only("AWS::Logs::MetricFilter")["MetricTransformations"]
    [alarm] = alarms(prod["observability"], "NeuronMemoryBroken")

    assert (alarm["Namespace"], alarm["MetricName"]) == (
        counted["MetricNamespace"],
        counted["MetricName"],
    )
    assert "Dimensions" not in alarm and "Dimensions" not in counted


def test_a_drop_of_one_kind_is_seen_where_others_are_not_counted(stacks):
    """An expression over an array goes on without a metric that has no data; a sum does not."""
    [alarm] = alarms(stacks("prod")["observability"], "EfaErrors")

    [expression] = [m["Expression"] for m in alarm["Metrics"] if "Expression" in m]
    assert expression == "SUM(METRICS())"
    assert len(alarm["Metrics"]) == 4


def test_without_efa_and_neuron_there_is_no_alarm_on_either(stacks, environments):
    assert not any(pool.efa for pool in environments["dev"].pools)
    assert not alarms(stacks("dev")["observability"], "EfaErrors")
    assert not alarms(stacks("open")["observability"], "NeuronMemoryBroken")
