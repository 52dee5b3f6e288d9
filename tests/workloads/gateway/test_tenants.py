"""Tenants from the file and from a real DynamoDB table (moto's server)."""

import asyncio

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.workloads.gateway.conftest import sha256
from workloads.gateway.config import TenantConfig
from workloads.gateway.dynamodb import Table
from workloads.gateway.errors import ApiError
from workloads.gateway.signing import Credentials, Signer
from workloads.gateway.tenants import KEPT_SECONDS, KeptRows, Tenants, table_reader
from workloads.gateway.upstream import Upstream, client_session


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def rows(server):
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    dynamodb = boto3.resource("dynamodb", "us-east-2", endpoint_url=server, **keys)
    return dynamodb.create_table(
        TableName="tenants",
        KeySchema=[{"AttributeName": "key_sha256", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key_sha256", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def with_table(url, check, table="tenants"):
    """Run `check(table, clock)` with a table behind `url`."""

    async def run():
        async with client_session() as session:
            signer = Signer(
                service="dynamodb", region="us-east-2", credentials=lambda: Credentials("a", "b")
            )
            upstream = Upstream(session, url, name="DynamoDB", signer=signer)
            clock = Clock()
            rows = KeptRows(table_reader(Table(upstream, table)), KEPT_SECONDS, clock)
            await check(rows, clock)

    asyncio.run(run())


def test_a_row_is_a_tenant(server, rows):
    rows.put_item(
        Item={
            "key_sha256": sha256("k1"),
            "name": "team-1",
            "requests_per_minute": 600,
            "tokens_per_minute": None,
            "models": ["nova", "own"],
        }
    )

    async def check(table, clock):
        tenants = Tenants([], table)
        assert await tenants.authenticate("k1") == TenantConfig(
            name="team-1",
            key_sha256=sha256("k1"),
            requests_per_minute=600,
            models=("nova", "own"),
        )
        with pytest.raises(ApiError) as caught:
            await tenants.authenticate("k2")
        assert caught.value.status == 401

    with_table(server, check)


def test_a_set_of_models_is_read_like_a_list(server, rows):
    rows.put_item(Item={"key_sha256": sha256("s"), "name": "set", "models": {"nova"}})

    async def check(table, clock):
        assert (await table.find(sha256("s"))).models == ("nova",)

    with_table(server, check)


def test_a_row_that_is_no_tenant_lets_nobody_in(server, rows):
    rows.put_item(Item={"key_sha256": sha256("bad"), "name": "bad", "requests_per_minute": -1})
    rows.put_item(Item={"key_sha256": sha256("odd"), "name": "odd", "colour": "red"})

    async def check(table, clock):
        assert await table.find(sha256("bad")) is None
        assert await table.find(sha256("odd")) is None

    with_table(server, check)


def test_a_revoked_key_works_for_a_minute_and_a_new_one_soon(server, rows):
    rows.put_item(Item={"key_sha256": sha256("old"), "name": "old"})

    async def check(table, clock):
        assert await table.find(sha256("old"))
        assert await table.find(sha256("new")) is None
        rows.delete_item(Key={"key_sha256": sha256("old")})
        rows.put_item(Item={"key_sha256": sha256("new"), "name": "new"})
        assert await table.find(sha256("old"))
        clock.now = 6
        assert await table.find(sha256("new"))
        clock.now = 61
        assert await table.find(sha256("old")) is None

    with_table(server, check)


def test_many_requests_with_one_new_key_read_it_once(services):
    item = {"Item": {"key_sha256": {"S": sha256("k")}, "name": {"S": "one"}}}

    async def check(table, clock):
        found = await asyncio.gather(*(table.find(sha256("k")) for _ in range(20)))
        assert {tenant.name for tenant in found} == {"one"}
        [received] = services.received["dynamodb"]
        assert received.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"

    services.answer("dynamodb", body=item)
    with_table(services.url, check)


def test_while_the_table_is_away_known_keys_work_and_others_are_told_so(services):
    item = {"Item": {"key_sha256": {"S": sha256("k")}, "name": {"S": "one"}}}

    async def check(table, clock):
        assert await table.find(sha256("k"))
        services.answer("dynamodb", status=500, body={"message": "arn:aws:dynamodb:…"})
        clock.now = 1000
        assert await table.find(sha256("k"))
        with pytest.raises(ApiError) as caught:
            await table.find(sha256("other"))
        assert caught.value.status == 503
        assert "arn" not in caught.value.message

    services.answer("dynamodb", body=item)
    with_table(services.url, check)


def test_a_tenant_of_the_file_needs_no_table(server):
    tenant = TenantConfig(name="local", key_sha256=sha256("local"))

    async def check(table, clock):
        assert await Tenants([tenant], table).authenticate("local") is tenant

    with_table("http://127.0.0.1:9", check)


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_a_known_key_the_answer_is_401(key):
    with pytest.raises(ApiError) as caught:
        asyncio.run(Tenants([]).authenticate(key))

    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
