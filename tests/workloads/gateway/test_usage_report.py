"""`/v1/usage`: which days are asked for, and whose rows are told."""

from datetime import UTC, date, datetime

import pytest

from tests.waiting import stay_within_a_day
from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import converse_answer, usage
from workloads.gateway.errors import ApiError
from workloads.gateway.usage_report import DAYS, MOST_DAYS, period

NOVA = "amazon.nova-lite-v1:0"
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        (b"", date(2026, 10, 24), TODAY),
        (b"to=2026-03-01", date(2026, 1, 31), date(2026, 3, 1)),
        (b"from=2026-11-22", TODAY, TODAY),
        (b"from=2026-01-01&to=2026-12-31", date(2026, 1, 1), date(2026, 12, 31)),
        (b"from=2024-01-01&to=2024-12-31", date(2024, 1, 1), date(2024, 12, 31)),
        (b"to=0001-01-02", date(1, 1, 1), date(1, 1, 2)),
    ],
)
def test_what_is_not_said_are_the_last_days(query, since, until):
    assert period(query, TODAY) == (since, until)
    assert DAYS == 30


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (b"from=yesterday", "from = 'yesterday' is not a day such as 2026-01-31"),
        (b"from=2026-02-30", "from = '2026-02-30' is not a day"),
        (b"to=20261122", "to = '20261122' is not a day"),
        (b"to=", "to = '' is not a day"),
        (b"to=2026-W47-7", "to = '2026-W47-7' is not a day"),
        (b"from=%ff%00", "is not a day"),
        (b"from=2026-11-23", "from = 2026-11-23 is after to = 2026-11-22; swap them"),
        (b"from=2025-01-01&to=2026-01-02", f"more than {MOST_DAYS} days; ask for fewer"),
        (b"from=2026-11-01&from=2026-11-02", "from is given twice"),
        (b"tenant=other", "the parameter 'tenant' is unknown; from and to are known"),
    ],
)
def test_what_cannot_be_a_period_is_refused_with_a_sentence(query, sentence):
    with pytest.raises(ApiError) as caught:
        period(query, TODAY)

    assert caught.value.status == 400
    assert sentence in caught.value.message


@pytest.fixture(scope="module")
def counted(start_gateway, services, tmp_path_factory):
    """A gateway with a ledger and two tenants, each of whom has asked once; one is an admin."""
    stay_within_a_day()
    gateway = start_gateway(
        f"""
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        price = {{ input = 1000, output = 2000, cache_read = 500, cache_write = 4000 }}
        [[tenants]]
        name = "team"
        key_sha256 = "{sha256(KEY)}"
        [[tenants]]
        name = "boss"
        key_sha256 = "{sha256("sk-boss")}"
        admin = true
        """,
        "--state",
        str(tmp_path_factory.mktemp("usage") / "state.sqlite"),
    )
    tokens = usage(4, 3, cacheReadInputTokens=2, cacheWriteInputTokens=1)
    services.answer(NOVA, body=converse_answer({"text": "Hello"}, tokens=tokens))
    body = {"model": "nova", "messages": [{"role": "user", "content": "Hi"}]}
    for key in (KEY, "sk-boss"):
        assert gateway.chat(body, key).status_code == 200
    return gateway


def test_a_tenant_sees_its_own_usage(counted):
    answer = counted.get("/v1/usage").json()

    today = date.fromisoformat(answer["to"])
    assert abs((today - datetime.now(UTC).date()).days) <= 1
    assert (answer["tenant"], answer["all_tenants"]) == ("team", False)
    assert answer["data"] == [
        {
            "object": "usage",
            "day": answer["to"],
            "tenant": "team",
            "model": "nova",
            "requests": 1,
            "unsettled": 0,
            "input_tokens": 4,
            "output_tokens": 3,
            "cache_read_tokens": 2,
            "cache_write_tokens": 1,
            "cost_usd": pytest.approx(0.015),
        }
    ]


def test_an_admin_sees_everybodys(counted):
    answer = counted.get("/v1/usage", "sk-boss").json()

    assert answer["all_tenants"] is True
    assert [row["tenant"] for row in answer["data"]] == ["boss", "team"]
    assert counted.get("/v1/usage?to=2020-01-01", "sk-boss").json()["data"] == []


def test_usage_is_refused_without_a_key_and_with_a_wrong_question(counted):
    assert counted.get("/v1/usage", "sk-wrong").status_code == 401
    answer = counted.get("/v1/usage?since=2026-01-01")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, None)
    answer = counted.get("/v1/usage?from=x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "from")
