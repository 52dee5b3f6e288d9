"""What CloudWatch's agent, a filter of its lines and the pools' own functions tell of the pools.

Names and dimensions of the agent's: aws/amazon-cloudwatch-agent, kubernetes.go of its translator's
awsemf exporter, and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-enhanced-EKS.html
Those of the functions: workloads/idle.py.
"""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.config import NodePoolConfig
from stacks.observability.board import PERIOD, Board
from stacks.shared.metrics import BROKEN_MEMORY, IDLE_HOURS, metered

_AGENT: Final = "ContainerInsights"
# The agent's metrics of a device, which alone name the instance type.
_DEVICES: Final = {
    "node_neuroncore_utilization": "ClusterName,InstanceId,InstanceType,NeuronCore,NeuronDevice,"
    "NodeName",
    "node_gpu_utilization": "ClusterName,GpuDevice,InstanceId,InstanceType,NodeName",
}


def watch_pools(
    board: Board,
    pools: Sequence[NodePoolConfig],
    *,
    neuron_allocator: str,
    cluster: str,
    namespace: str,
) -> None:
    """Graphs and alarms of nodes, accelerators and EFA; `namespace` is the pools' own."""
    if not any(pool.hardware.chip or pool.efa for pool in pools):
        return

    agent = _Agent(cluster)
    failed = agent.metric("cluster_failed_node_count", "Maximum")
    board.graphs("Nodes", agent.metric("cluster_node_count", "Maximum"), failed)
    board.alarm(
        "NodesFailed",
        failed,
        above=0,
        periods=9,  # EKS repairs after half an hour
        says="A node has failed for three quarters of an hour, and EKS has not repaired it.",
        runbook="a-node-is-broken",
    )
    meters = {pool.name: metered(pool, neuron_allocator) for pool in pools}
    if "node_neuroncore_utilization" in meters.values():
        _watch_neuron(board, agent, namespace)
    if any(pool.efa for pool in pools):
        _watch_efa(board, agent)
    for pool in pools:
        if meter := meters[pool.name]:
            _watch_work(board, agent, pool, meter, namespace)


class _Agent:
    """The metrics of a cluster's agent."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster

    def metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Over all nodes."""
        return cloudwatch.Metric(
            namespace=_AGENT,
            metric_name=name,
            dimensions_map={"ClusterName": self._cluster},
            statistic=statistic,
            period=PERIOD,
        )

    def mean(self, name: str, instance_type: str) -> cloudwatch.MathExpression:
        """Over all devices of the nodes of a type."""
        wanted = {"MetricName": name, "ClusterName": self._cluster, "InstanceType": instance_type}
        terms = " ".join(f'{key}="{value}"' for key, value in wanted.items())
        return cloudwatch.MathExpression(
            label=f"{instance_type}, %",
            expression=f"AVG(SEARCH('{{{_AGENT},{_DEVICES[name]}}} {terms}', 'Average'))",
            period=PERIOD,
        )


def _watch_neuron(board: Board, agent: _Agent, namespace: str) -> None:
    broken = cloudwatch.Metric(
        namespace=namespace, metric_name=BROKEN_MEMORY, statistic="Sum", period=PERIOD
    )
    board.graphs(
        "Neuron devices",
        agent.metric("node_neurondevice_hw_ecc_events_total", "Sum"),  # most of it corrected
        broken,
        agent.metric("node_neuron_execution_errors_total", "Sum"),
    )
    board.alarm(
        "NeuronMemoryBroken",
        broken,
        above=0,
        periods=1,
        says="Memory of a Neuron device has had an error that could not be corrected.",
        runbook="a-node-is-broken",
    )


def _watch_efa(board: Board, agent: _Agent) -> None:
    """What EFA's counters mean: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-EFA.html"""
    lost = {
        "dropped": agent.metric("node_efa_rx_dropped", "Sum"),
        "impaired": agent.metric("node_efa_impaired_remote_conn_events", "Sum"),
        "unresponsive": agent.metric("node_efa_unresponsive_remote_events", "Sum"),
    }
    # Of an array, because interfaces of older generations do not count all three.
    errors = cloudwatch.MathExpression(
        label="packets dropped, connections impaired, peers that do not answer",
        expression="SUM(METRICS())",
        using_metrics=lost,
        period=PERIOD,
    )
    board.graphs(
        "EFA",
        agent.metric("node_efa_rx_bytes", "Sum"),
        agent.metric("node_efa_retrans_timeout_events", "Sum"),
        errors,
    )
    board.alarm(
        "EfaErrors",
        errors,
        above=0,
        periods=3,
        says="EFA has dropped packets or lost peers for a quarter of an hour; jobs crawl or hang.",
        runbook="efa-loses-packets",
    )


def _watch_work(
    board: Board, agent: _Agent, pool: NodePoolConfig, meter: str, namespace: str
) -> None:
    """`meter`: the metric of how busy the pool's devices are."""

    def told(name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map={"Pool": pool.name},
            statistic=statistic,
            period=cdk.Duration.hours(1),
        )

    idle = told("IdleHours", "Maximum")
    board.graphs(f"Pool {pool.name}", agent.mean(meter, pool.instance_type), idle)
    board.alarm(
        f"AcceleratorsIdle-{pool.name}",
        idle,
        above=IDLE_HOURS - 1,
        periods=1,
        says=f"No accelerator of pool {pool.name} has worked for {IDLE_HOURS} hours, and its nodes "
        "cost money.",
        runbook="accelerators-stand-idle",
    )
    if pool.idle_hours is not None:
        board.alarm(
            f"PoolAsleep-{pool.name}",
            told("PutToSleep", "Maximum"),
            above=0,
            periods=1,
            says=f"Pool {pool.name} was idle for {pool.idle_hours} hours and was put to sleep: it "
            "takes no pods until it is woken.",
            runbook="a-pool-was-put-to-sleep",
        )
