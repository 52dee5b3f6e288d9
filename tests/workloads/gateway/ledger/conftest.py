"""A DynamoDB (moto's server), and tables in it."""

import itertools
from collections.abc import Callable, Iterator

import aiohttp
import boto3
import pytest
from moto.server import ThreadedMotoServer

from workloads.gateway.dynamodb import Table
from workloads.gateway.signing import Credentials, Signer
from workloads.gateway.upstream import Upstream

KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}


@pytest.fixture(scope="module")
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
    boto3.client("dynamodb", "us-east-2", endpoint_url=dynamodb_url, **KEYS).create_table(
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
