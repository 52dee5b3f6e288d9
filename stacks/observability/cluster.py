"""What EKS itself tells of a cluster's control plane.

Names: https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html
"""

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.observability.board import PERIOD, Board


def watch_cluster(board: Board, name: str) -> None:
    """Graphs of the scheduler and the API server; an alarm on pods that no node takes."""

    def metric(metric_name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/EKS",
            metric_name=metric_name,
            dimensions_map={"ClusterName": name},
            statistic=statistic,
            period=PERIOD,
        )

    waiting = metric("scheduler_pending_pods_UNSCHEDULABLE", "Maximum")
    failed = metric("apiserver_request_total_5XX", "Sum")
    board.graphs("Cluster", waiting, failed, metric("apiserver_storage_size_bytes", "Maximum"))
    # Half an hour: scarce capacity takes its time, a pool that never comes takes longer.
    board.alarm(
        "PodsUnschedulable",
        waiting,
        above=0,
        periods=6,
        says="Pods have waited for a node for half an hour.",
        runbook="pods-wait-for-a-node",
    )
