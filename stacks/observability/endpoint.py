"""What SageMaker tells of an endpoint.

Names: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.observability.board import PERIOD, Board


def watch_endpoint(board: Board, name: str) -> None:
    """An endpoint's graphs and alarm."""

    def metric(metric_name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=metric_name,
            dimensions_map={"EndpointName": name, "VariantName": "main"},
            statistic=statistic,
            period=PERIOD,
        )

    failures = metric("Invocation5XXErrors", "Sum")
    board.graphs(
        f"Endpoint {name}",
        metric("Invocations", "Sum"),
        failures,
        metric("ModelLatency", "p90"),  # microseconds
    )
    board.alarm(
        f"EndpointFailures-{name}",
        failures,
        above=0,
        periods=3,
        says=f"The SageMaker endpoint {name} has answered with 5xx for a quarter of an hour.",
        runbook="a-sagemaker-endpoint-fails",
    )
