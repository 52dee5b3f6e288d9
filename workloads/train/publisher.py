"""What a run does, told to CloudWatch once a minute while its process lives.

From a thread, because a stalled loop must not stall its own alarm.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

from workloads.command import progress
from workloads.train.metrics import Row

EVERY_SECONDS = 60.0


class Publisher:
    """Metrics of the namespace `Training/NAME`, without dimensions; in the first process alone.

    `SecondsSinceStep` is counted from the last rows that came from the device, or the start;
    `Goodput` is the time of steps, in percent of the time since the start of this process. What
    cannot be published is said once, and the training goes on.
    """

    def __init__(self, name: str, *, every: float = EVERY_SECONDS) -> None:
        self.namespace = f"Training/{name}"
        self._every = every
        self._began = self._told = time.monotonic()
        self._busy = 0.0  # seconds of steps
        self._news: Row | None = None
        self._ended = threading.Event()
        self._complained = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Publish what is left, within a few seconds."""
        self._ended.set()
        self._thread.join(timeout=5)

    def tell(self, rows: Sequence[Row]) -> None:
        """Steps are done."""
        self._told = time.monotonic()
        self._busy += sum(row.seconds for row in rows)
        self._news = rows[-1]

    def _run(self) -> None:
        client = _client()
        while not self._ended.wait(self._every):
            self._publish(client)
        self._publish(client)

    def _publish(self, client: Any) -> None:
        now = time.monotonic()
        values = [("SecondsSinceStep", now - self._told, "Seconds")]
        news, self._news = self._news, None
        if news is not None:
            values += [
                ("StepSeconds", news.seconds, "Seconds"),
                ("TokensPerSecond", news.tokens_per_second, "Count/Second"),
                ("Goodput", min(100.0, 100 * self._busy / (now - self._began)), "Percent"),
            ]
        data = [{"MetricName": name, "Value": value, "Unit": unit} for name, value, unit in values]
        try:
            client.put_metric_data(Namespace=self.namespace, MetricData=data)
        except Exception as error:  # whatever it is, it is no reason to end a run
            if not self._complained:
                progress(f"warning: CloudWatch is not told of the run: {error}")
            self._complained = True


def publishing(name: str) -> AbstractContextManager[Publisher | None]:
    """A publisher, or none without a name."""
    return Publisher(name) if name else nullcontext()


def _client() -> Any:
    import boto3  # half a second that a run without --cloudwatch need not pay
    from botocore.config import Config

    return boto3.Session().client(
        "cloudwatch",
        config=Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}),
    )
