"""What training runs tell of themselves: `--cloudwatch`, workloads/train/publisher.py."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.observability.board import PERIOD, Board

# Ten steps come together; a run that compiles first takes longer, and is worth a look.
_STALLED = cdk.Duration.hours(1)


def watch_training(board: Board, namespace: str) -> None:
    """Graphs of the runs of an environment, and an alarm on one that lives and makes no step."""

    def metric(name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace, metric_name=name, statistic=statistic, period=PERIOD
        )

    waiting = metric("SecondsSinceStep", "Maximum")
    board.graphs(
        "Training",
        waiting,
        metric("StepSeconds", "Average"),
        metric("TokensPerSecond", "Average"),
        metric("Goodput", "Minimum"),  # percent
    )
    board.alarm(
        "TrainingStalled",
        waiting,
        above=_STALLED.to_seconds(),
        periods=3,
        says="A training run lives and has made no step for over an hour.",
        runbook="a-job-makes-no-step",
    )
