"""The real gateway as a process, and the services behind it as loopback servers."""

import functools
import hashlib
import itertools
import json
import os
import queue
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import boto3
import httpx2
import openai
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from prometheus_client.parser import text_string_to_metric_families

from tests.waiting import PATIENCE
from tests.workloads.gateway.fakes import FakeServices
from workloads.gateway.dynamodb import Table
from workloads.gateway.signing import Credentials, Signer
from workloads.gateway.upstream import Upstream

ROOT = Path(__file__).parents[3]
KEY = "sk-team-a"  # the key of the tenant that may do everything


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="session")
def services() -> Iterator[FakeServices]:
    with FakeServices() as services:
        yield services


@pytest.fixture(scope="session")
def start_gateway(services, tmp_path_factory) -> Iterator[Callable[..., "Running"]]:
    """Start a gateway with a file's text, in front of `services`; stopped at the end."""
    running = []

    def start(text: str, *arguments: str, **environment: str) -> Running:
        log = tmp_path_factory.mktemp("gateway") / "log"
        running.append(Running(text, arguments, services.url, environment, log))
        return running[-1]

    yield start
    for gateway in running:
        gateway.stop()


class Running:
    """A gateway process that listens at `url`."""

    def __init__(self, text, arguments, services_url, environment, log) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workloads.gateway", "--port", "0", *arguments],
            cwd=ROOT,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_SESSION_TOKEN": "token",
                "AWS_REGION": "us-east-2",
                "AWS_ENDPOINT_URL": services_url,
                "GATEWAY_CONFIG": text,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=log.open("wb"),
            text=True,
        )
        self.greeting = self.process.stdout.readline()
        match = re.search(r"http://\S+", self.greeting)
        assert match, f"{self.greeting}{log.read_text()}"
        self.url = match[0]

    def get(self, path: str, key: str = KEY) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE)

    def chat(self, body: dict, key: str = KEY, **headers: str) -> httpx2.Response:
        """The answer to a chat completion, read to its end."""
        headers = {"authorization": f"Bearer {key}", **headers}
        url = f"{self.url}/v1/chat/completions"
        return httpx2.post(url, json=body, headers=headers, timeout=PATIENCE)

    def logged(self) -> list[dict]:
        """What it has logged; everything, once it has stopped."""
        *lines, rest = self.log.read_text().split("\n")
        assert not rest or self.process.poll() is None  # a running one may be amid a line
        return [json.loads(line) for line in lines]

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)  # at once, whatever its time to leave is
        try:
            return self.ended()
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@pytest.fixture(scope="session")
def gateway(start_gateway, services) -> Running:
    """One gateway with every kind of model and tenant; most tests share it."""
    return start_gateway(
        f"""
        [[models]]
        name = "nova"
        bedrock = "amazon.nova-lite-v1:0"
        price = {{ input = 0.06, output = 0.24, cache_read = 0.015, cache_write = 0.06 }}
        [[models]]
        name = "profile"
        bedrock = "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.claude-v1:0"
        fallback = ["own", "endpoint"]
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        fallback = ["endpoint"]
        [[models]]
        name = "gone"
        openai = "http://127.0.0.1:9/v1"
        [[models]]
        name = "endpoint"
        sagemaker = "tiny-llama"
        price = {{ input = 1, output = 2 }}
        [[tenants]]
        name = "team-a"
        key_sha256 = "{sha256(KEY)}"
        [[tenants]]
        name = "team-b"
        key_sha256 = "{sha256("sk-team-b")}"
        models = ["own"]
        [[tenants]]
        name = "slow"
        key_sha256 = "{sha256("sk-slow")}"
        requests_per_minute = 1
        [[tenants]]
        name = "counted"
        key_sha256 = "{sha256("sk-counted")}"
        """
    )


@pytest.fixture(autouse=True)
def forget(services) -> None:
    """Every test scripts its own answers."""
    services.answers.clear()
    services.received.clear()
    services.aborted = queue.Queue()


@pytest.fixture(scope="session")
def http(gateway) -> Iterator[httpx2.Client]:
    """A plain HTTP client of the gateway with the key of team-a."""
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=gateway.url, headers=headers, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def metric_of() -> Callable[..., float]:
    """The value of a gateway's metric for its labels' values; 0 where it has none yet."""

    def read(gateway: Running, name: str, *labels: str) -> float:
        for family in text_string_to_metric_families(gateway.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and tuple(sample.labels.values()) == labels:
                    return sample.value
        return 0

    return read


@pytest.fixture
def metric(gateway, metric_of) -> Callable[..., float]:
    """The same of the gateway that most tests share."""
    return functools.partial(metric_of, gateway)


AWS_KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ledger_table(dynamodb_url, request) -> Callable[[aiohttp.ClientSession], Table]:
    """The test's own table, over a session; the same one every time."""
    name = f"ledger-{next(_NUMBERS)}"
    attributes = {"pk": "HASH", "sk": "RANGE"}
    boto3.client("dynamodb", "us-east-2", endpoint_url=dynamodb_url, **AWS_KEYS).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in attributes.items()],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in attributes],
        BillingMode="PAY_PER_REQUEST",
    )

    def over(session: aiohttp.ClientSession) -> Table:
        signer = Signer(
            service="dynamodb", region="us-east-2", credentials=lambda: Credentials("a", "b")
        )
        return Table(Upstream(session, dynamodb_url, name="DynamoDB", signer=signer), name)

    return over


_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def client(gateway) -> Iterator[openai.OpenAI]:
    """OpenAI's client."""
    url = f"{gateway.url}/v1"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="session")
def claude(gateway) -> Iterator[anthropic.Anthropic]:
    """Anthropic's client."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def bedrock(gateway) -> Iterator[Any]:
    """Bedrock's client, with the gateway's key as its API key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
        config = Config(retries={"total_max_attempts": 1})
        session = boto3.Session(region_name="us-east-2")
        yield session.client("bedrock-runtime", endpoint_url=gateway.url, config=config)
