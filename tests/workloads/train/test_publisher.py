"""What CloudWatch is told of a run: moto's over a socket, through the real client."""

import threading
import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.waiting import PATIENCE
from workloads.train.metrics import Row
from workloads.train.publisher import Publisher, publishing

ROW = Row(
    step=10, loss=2.0, grad_norm=1.0, learning_rate=0.1, tokens=1000, tokens_per_second=50.0,
    tokens_per_second_per_device=25.0, seconds=2.0, data_seconds=0.1, checkpoint_seconds=0.0,
    tokens_per_usd=None, mfu=None, skipped=False,
)  # fmt: skip


@pytest.fixture
def aws(s3_environment, monkeypatch):
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return boto3.client("cloudwatch")


def told(aws, namespace):
    """The metrics of a namespace, the largest value of each."""
    now = datetime.now(UTC)
    found = {}
    for metric in aws.list_metrics(Namespace=namespace)["Metrics"]:
        assert metric["Dimensions"] == []
        [point] = aws.get_metric_statistics(
            Namespace=namespace, MetricName=metric["MetricName"], Statistics=["Maximum"],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=86400,
        )["Datapoints"]  # fmt: skip
        found[metric["MetricName"]] = point["Maximum"]
    return found


def test_steps_speed_and_goodput_are_told_and_how_long_ago_a_step_was(aws):
    began = time.monotonic()
    with Publisher("steps") as publisher:
        publisher.tell([ROW])
    publisher._thread.join(PATIENCE)  # for which a run has only seconds

    found = told(aws, "Training/steps")
    assert found["StepSeconds"] == 2.0
    assert found["TokensPerSecond"] == 50.0
    assert 0 < found["Goodput"] <= 100
    assert 0 <= found["SecondsSinceStep"] <= time.monotonic() - began


def test_a_run_that_makes_no_step_still_tells_that_it_lives(aws):
    with Publisher("stalled") as publisher:
        pass
    publisher._thread.join(PATIENCE)

    assert told(aws, "Training/stalled").keys() == {"SecondsSinceStep"}


def test_a_cloudwatch_out_of_reach_is_said_once_and_ends_nothing(aws, monkeypatch, capfd):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    asked = threading.Semaphore(0)

    class Counted(Publisher):
        def _publish(self, client):
            super()._publish(client)
            asked.release()

    with Counted("nowhere", every=0.01) as publisher:
        publisher.tell([ROW])
        for _ in range(3):
            assert asked.acquire(timeout=PATIENCE)

    said = capfd.readouterr()
    assert (said.out + said.err).count("CloudWatch is not told") == 1


def test_without_a_name_nobody_is_told():
    with publishing("") as publisher:
        assert publisher is None
