"""What SageMaker tells of an endpoint.

Names: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.observability.board import FEW, PERIOD, Board

# SageMaker ends a request after 60 seconds: its API reference, InvokeEndpoint.
_SLOW_MICROSECONDS: Final = 30_000_000


def watch_endpoint(board: Board, name: str) -> None:
    """An endpoint's graphs and alarms."""

    def metric(metric_name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=metric_name,
            dimensions_map={"EndpointName": name, "VariantName": "main"},
            statistic=statistic,
            period=PERIOD,
        )

    asked = metric("Invocations", "Sum")
    failures = metric("Invocation5XXErrors", "Sum")
    latency = metric("ModelLatency", "p90")  # microseconds
    refused = cloudwatch.MathExpression(
        label="refused, %",
        expression=f"IF(all > {FEW}, 100 * refused / all, 0)",
        using_metrics={"all": asked, "refused": metric("Invocation4XXErrors", "Sum")},
        period=PERIOD,
    )
    board.graphs(f"Endpoint {name}", asked, failures, refused, latency)
    board.alarm(
        f"EndpointFailures-{name}",
        failures,
        above=0,
        periods=3,
        says=f"The SageMaker endpoint {name} has answered with 5xx for a quarter of an hour.",
        runbook="a-sagemaker-endpoint-fails",
    )
    board.alarm(
        f"EndpointRefuses-{name}",
        refused,
        above=10,
        periods=3,
        says=f"The SageMaker endpoint {name} has refused over 10 % of its requests (4xx, throttled "
        "ones among them) for a quarter of an hour.",
        runbook="a-sagemaker-endpoint-fails",
    )
    board.alarm(
        f"EndpointSlow-{name}",
        latency,
        above=_SLOW_MICROSECONDS,
        periods=3,
        says=f"One answer in ten of the SageMaker endpoint {name} takes over 30 s; it is given 60.",
        runbook="a-sagemaker-endpoint-fails",
    )
