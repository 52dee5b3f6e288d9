"""A pod that ends: its server is told only once nobody waits for an answer any more."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workloads.deploy.fakes import served
from workloads.deploy import pods
from workloads.deploy.pods.drain import drain, under_way

DRAIN = Path(pods.__file__).parent / "drain.py"
# As vLLM 0.32 writes them.
METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="tiny"}} {running}
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="tiny"}} {waiting}
vllm:num_requests_waiting_by_reason{{engine="0",model_name="tiny",reason="capacity"}} 7.0
"""


class Server:
    """Has `requests` under way, one less each time it is asked."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.asked = 0
        self.lock = threading.Lock()

    def __call__(self, *_: object) -> tuple[int, str]:
        with self.lock:
            self.asked += 1
            running = min(1, self.requests)
            text = METRICS.format(running=f"{running}.0", waiting=f"{self.requests - running}.0")
            self.requests = max(0, self.requests - 1)
            return 200, text


@pytest.fixture
def server() -> Server:
    return Server(2)


@pytest.fixture
def url(server) -> Iterator[str]:
    with served(server) as url:
        yield f"{url}/metrics"


@pytest.mark.parametrize(("running", "waiting"), [("0.0", "0.0"), ("1.0", "0.0"), ("2", "3e+1")])
def test_what_runs_and_what_waits_is_under_way(running, waiting):
    metrics = METRICS.format(running=running, waiting=waiting)

    assert under_way(metrics) == float(running) + float(waiting)


def test_it_waits_until_the_last_answer_is_given(server, url):
    assert drain(url, 0, 60)
    assert server.asked == 3


def test_it_gives_up_after_its_time(server, url):
    server.requests = 10**6

    assert not drain(url, 0, 0)


def test_a_server_that_has_ended_is_not_waited_for():
    assert drain("http://127.0.0.1:9/metrics", 0, 60)


def test_the_pod_runs_it_as_a_script_of_its_own(server, url):
    command = [sys.executable, "-I", str(DRAIN), url, "0", "60"]

    assert subprocess.run(command, check=False).returncode == 0
    assert server.asked == 3
