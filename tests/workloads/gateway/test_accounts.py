"""Limits, budgets, keys and tokens as clients see them, through the real process."""

import base64
import datetime
import json
import sqlite3
import time

import anthropic
import boto3
import httpx2
import openai
import pytest
from botocore.exceptions import ClientError

from tests.waiting import PATIENCE, stay_within_a_day
from tests.workloads.gateway.conftest import sha256
from tests.workloads.gateway.fakes import (
    Answer,
    Cut,
    converse_answer,
    converse_stream,
    exception,
    usage,
)
from workloads.gateway.keys.__main__ import main as keys_main

NOVA = "amazon.nova-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-2:111122223333:application-inference-profile/abcdefgh1234"
QUESTION = [{"role": "user", "content": "Hi"}]
FILE = f"""
[[models]]
name = "nova"
bedrock = "{NOVA}"
price = {{ input = 10, output = 20 }}
profiles = {{ "team-p" = "{PROFILE}" }}
[[tenants]]
name = "limited"
key_sha256 = "{sha256("sk-limited")}"
requests_per_minute = 60
tokens_per_minute = 6000
[[tenants]]
name = "once"
key_sha256 = "{sha256("sk-once")}"
requests_per_minute = 1
[[tenants]]
name = "poor"
key_sha256 = "{sha256("sk-poor")}"
monthly_budget_usd = 0.01
[[tenants]]
name = "team-p"
key_sha256 = "{sha256("sk-p")}"
[[tenants]]
name = "old"
key_sha256 = "{sha256("sk-old")}"
expires = 1000000000
[[tenants]]
name = "alice"
subject = "alice@example.com"
[[tenants]]
name = "free"
key_sha256 = "{sha256("sk-free")}"
"""


def next_month() -> str:
    """When the budgets of this one end, as of today."""
    today = datetime.datetime.now(datetime.UTC)
    return f"{today.replace(day=1) + datetime.timedelta(32):%Y-%m-01T00:00:00Z}"


@pytest.fixture(scope="module")
def running(start_gateway):
    """A gateway that keeps nothing, and takes tokens."""
    return start_gateway(FILE + '[jwt]\nclaim = "sub"')


@pytest.fixture
def kept(start_gateway, tmp_path):
    """Start gateways on one file; and read that file."""
    state = tmp_path / "state"

    def start():
        return start_gateway(FILE, "--state", str(state))

    def rows() -> list[tuple]:
        with sqlite3.connect(state) as connection:
            return connection.execute(
                "SELECT state, input, output, cost FROM requests ORDER BY at"
            ).fetchall()

    return start, rows


def ask(gateway, key: str, retries: int = 0, **options):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=retries) as client:
        options = {"model": "nova", "messages": QUESTION, **options}
        return client.chat.completions.with_raw_response.create(**options)


def test_openai_clients_see_what_is_left_of_their_limits(running, services):
    services.answer(NOVA, *converse_stream(["x"]))

    headers = ask(running, "sk-limited", max_tokens=300, stream=True).headers

    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "1s"
    assert headers["x-ratelimit-limit-tokens"] == "6000"
    assert 5_600 < int(headers["x-ratelimit-remaining-tokens"]) <= 5_700
    assert 3 <= float(headers["x-ratelimit-reset-tokens"].removesuffix("s")) < 4


def test_anthropic_clients_see_them_under_their_names(running, services):
    services.answer(NOVA, body=converse_answer({"text": "x"}))

    with anthropic.Anthropic(base_url=running.url, api_key="sk-limited", max_retries=0) as client:
        raw = client.messages.with_raw_response.create(
            model="nova", messages=QUESTION, max_tokens=9
        )

    assert raw.headers["anthropic-ratelimit-requests-limit"] == "60"
    assert int(raw.headers["anthropic-ratelimit-tokens-remaining"]) < 6000
    reset = datetime.datetime.fromisoformat(raw.headers["anthropic-ratelimit-tokens-reset"])
    assert reset.tzinfo is not None
    assert "x-ratelimit-limit-requests" not in raw.headers


def test_tenants_without_limits_see_none(running, services):
    services.answer(NOVA, body=converse_answer({"text": "x"}))

    assert not [name for name in ask(running, "sk-free").headers if "ratelimit" in name]


def test_one_request_too_many_is_told_how_long_to_wait(running, services):
    services.answer(NOVA, body=converse_answer({"text": "x"}))
    began = time.monotonic()
    ask(running, "sk-once")

    with pytest.raises(openai.RateLimitError) as caught:
        ask(running, "sk-once")

    waited = time.monotonic() - began
    assert 60 - waited <= int(caught.value.response.headers["retry-after"]) <= 60
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_a_request_that_never_fits_is_not_tried_again(running, metric_of):
    with pytest.raises(openai.RateLimitError, match="Request too large"):
        ask(running, "sk-limited", retries=2, max_tokens=10_000)

    assert metric_of(running, "gateway_requests_total", "limited", "nova", "429") == 1


def test_a_spent_budget_is_told_with_its_end_and_survives_a_restart(kept, services, metric_of):
    stay_within_a_day()  # and so within a month
    start, rows = kept
    services.answer(NOVA, body=converse_answer({"text": "x"}, tokens=usage(400, 400)))
    gateway = start()
    cost = ask(gateway, "sk-poor").headers["x-gateway-cost-usd"]
    assert cost == "0.012000000000"
    gateway.process.kill()
    gateway.process.wait()

    gateway = start()
    assert rows() == [("settled", 400, 400, 12 * 10**9)]
    with pytest.raises(openai.RateLimitError, match=next_month()) as caught:
        ask(gateway, "sk-poor", retries=2)

    assert caught.value.code == "insufficient_quota"
    assert caught.value.body["type"] == "insufficient_quota"
    assert metric_of(gateway, "gateway_requests_total", "poor", "nova", "429") == 1
    ask(gateway, "sk-free")


def test_tables_hold_tenants_limits_and_the_ledger(
    start_gateway, services, dynamodb_url, ledger_table, capsys, monkeypatch
):
    stay_within_a_day()
    services.answer(NOVA, body=converse_answer({"text": "x"}, tokens=usage(400, 400)))
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url, "AWS_REGION": "us-east-2"}
    own = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", **environment}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    boto3.client("dynamodb", "us-east-2").create_table(
        TableName="accounts",
        KeySchema=[{"AttributeName": "key_sha256", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key_sha256", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    limits = ["--requests-per-minute", "600", "--monthly-budget-usd", "1", "--admin"]
    keys_main(["create", "--table", "accounts", "--tenant", "row", *limits])
    key = capsys.readouterr().out.strip()
    models = FILE.partition("[[tenants]]")[0]
    places = ["--table", "accounts", "--ledger-table", ledger_table(None).name]
    gateways = [start_gateway(models, *places, **environment) for _ in range(2)]

    ask(gateways[0], key)
    headers = ask(gateways[1], key).headers

    assert headers["x-ratelimit-limit-requests"] == "600"
    [row] = gateways[0].get("/v1/usage", key).json()["data"]
    assert (row["tenant"], row["requests"], row["cost_usd"]) == ("row", 2, 0.024)


def test_bedrocks_client_does_not_wait_for_a_spent_budget(kept, services, monkeypatch):
    stay_within_a_day()
    start, _ = kept
    services.answer(NOVA, body=converse_answer({"text": "x"}, tokens=usage(400, 400)))
    gateway = start()
    ask(gateway, "sk-poor")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "sk-poor")
    client = boto3.client("bedrock-runtime", "us-east-2", endpoint_url=gateway.url)

    with pytest.raises(ClientError) as caught:
        client.converse(modelId="nova", messages=[{"role": "user", "content": [{"text": "Hi"}]}])

    assert caught.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_the_ledger_tells_whole_cut_and_refused_answers_apart(kept, services):
    start, rows = kept
    whole = converse_stream(["a", "b"], usage(5, 7))
    services.answers[NOVA] = [
        Answer(steps=whole),
        Answer(steps=[*whole[:2], Cut()]),
        Answer(steps=[*whole[:2], exception("modelStreamErrorException", "no")]),
        Answer(status=400, body={"message": "no"}, headers={"x-amzn-errortype": "Validation"}),
        Answer(body=converse_answer({"text": "x"}, tokens=usage(2, 3))),
    ]
    gateway = start()

    for stream in (True, True, True, False, False):
        try:
            response = ask(gateway, "sk-free", stream=stream)
            if stream:
                list(response.parse())
        except openai.APIError:
            pass

    gateway.stop()
    assert rows() == [
        ("settled", 5, 7, 190_000_000),
        ("unsettled", None, None, None),
        ("unsettled", None, None, None),
        ("settled", 2, 3, 80_000_000),
    ]


def test_a_tenants_own_inference_profile_is_asked(running, services):
    services.answer(PROFILE, body=converse_answer({"text": "mine"}))
    services.answer(NOVA, body=converse_answer({"text": "everybody's"}))

    ask(running, "sk-p")
    ask(running, "sk-free")

    [received] = services.received[PROFILE]
    assert received.path == f"/model/{PROFILE.replace(':', '%3A').replace('/', '%2F')}/converse"
    assert received.body["requestMetadata"]["tenant"] == "team-p"
    [received] = services.received[NOVA]
    assert received.body["requestMetadata"]["tenant"] == "free"


def test_clients_of_converse_may_add_metadata_but_not_lie_about_the_tenant(running, services):
    services.answer(NOVA, body=converse_answer({"text": "x"}))
    messages = [{"role": "user", "content": [{"text": "Hi"}]}]

    def post(pairs) -> httpx2.Response:
        body = {"messages": messages, "requestMetadata": pairs}
        url, headers = f"{running.url}/model/nova/converse", {"x-api-key": "sk-free"}
        return httpx2.post(url, json=body, headers=headers, timeout=PATIENCE)

    assert post({"tenant": "other", "job": "7"}).status_code == 200
    assert post({f"k{n}": "v" for n in range(15)}).status_code == 400
    assert post("no").status_code == 400

    [received] = services.received[NOVA]
    pairs = received.body["requestMetadata"]
    assert pairs.keys() == {"tenant", "job", "request_id"}
    assert (pairs["tenant"], pairs["job"]) == ("free", "7")


def test_an_expired_key_is_refused(running):
    with pytest.raises(openai.AuthenticationError, match="expired"):
        ask(running, "sk-old")


def jwt(**claims: object) -> str:
    """A token as far as the gateway looks at it; its signature is the load balancer's affair."""
    parts = ({"alg": "RS256"}, claims, "signature")
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join(part.rstrip("=") for part in encoded)


ALICE = jwt(sub="alice@example.com", iss="https://idp.example.com")


def tenant_of(gateway, services, *headers: tuple[str, str]) -> str | int:
    """Who the gateway thinks a request is from; else the status it refuses it with."""
    services.answer(NOVA, body=converse_answer({"text": "x"}))
    services.received.clear()
    question = {"model": "nova", "messages": QUESTION}
    url = f"{gateway.url}/v1/chat/completions"
    answer = httpx2.post(url, json=question, headers=list(headers), timeout=PATIENCE)
    if answer.status_code != 200:
        return answer.status_code
    [received] = services.received[NOVA]
    return received.body["requestMetadata"]["tenant"]


@pytest.mark.parametrize(
    ("headers", "tenant"),
    [
        ([("authorization", f"Bearer {ALICE}")], "alice"),
        ([("authorization", "Bearer sk-free")], "free"),
        ([("x-api-key", "sk-free")], "free"),
        ([("authorization", f"Bearer {jwt(sub='bob@example.com')}")], 401),
        ([("authorization", f"Bearer {jwt(sub=['alice@example.com'])}")], 401),
        ([("authorization", f"Bearer {jwt(name='alice@example.com')}")], 401),
        ([("authorization", "Bearer alice@example.com")], 401),
        ([("authorization", "Bearer subject:alice@example.com")], 401),
        ([("authorization", f"Bearer sk-{ALICE}")], 401),
        ([("authorization", f"Basic {ALICE}")], 401),
        # Ways past a load balancer that lets requests with an API key through unverified.
        ([("authorization", f"Bearer {ALICE}"), ("x-api-key", "sk-wrong")], 401),
        ([("authorization", f"Bearer {ALICE}"), ("x-api-key", "")], 401),
        ([("authorization", f"Bearer {ALICE}"), ("authorization", "Bearer sk-x")], 401),
        ([("authorization", "Bearer sk-x"), ("authorization", f"Bearer {ALICE}")], 401),
    ],
)
def test_tokens_are_believed_only_where_the_load_balancer_has_verified_them(
    running, services, headers, tenant
):
    assert tenant_of(running, services, *headers) == tenant


def test_without_jwt_in_the_file_a_token_is_nobodys(start_gateway, services):
    gateway = start_gateway(FILE)

    assert tenant_of(gateway, services, ("authorization", f"Bearer {ALICE}")) == 401
