import pytest

from workloads.gateway.config import PriceConfig
from workloads.gateway.usage import Usage

CONVERSE = {
    "inputTokens": 10,
    "outputTokens": 4,
    "totalTokens": 114,
    "cacheReadInputTokens": 80,
    "cacheWriteInputTokens": 20,
}


def test_bedrock_counts_cached_tokens_apart_and_openai_among_the_prompt():
    usage = Usage.from_converse(CONVERSE)

    assert usage == Usage(input=10, output=4, cache_read=80, cache_write=20)
    assert usage.to_openai() == {
        "prompt_tokens": 110,
        "completion_tokens": 4,
        "total_tokens": 114,
        "prompt_tokens_details": {"cached_tokens": 80},
    }


def test_usage_of_openai_servers_comes_back_the_same():
    usage = Usage(input=10, output=4, cache_read=80)

    assert Usage.from_openai(usage.to_openai()) == usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 2**63, "completion_tokens": 10**9 + 1}, Usage(0, 0)),
        ({"prompt_tokens": 10**9, "completion_tokens": 5}, Usage(10**9, 5)),
        (None, None),
        ("many", None),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(3, 2)),
        ({"prompt_tokens": "3", "completion_tokens": -2}, Usage(0, 0)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(0, 0, 3)),
    ],
)
def test_odd_usage_is_no_crash_and_never_negative(usage, expected):
    assert Usage.from_openai(usage) == expected


def test_cost_is_per_million_tokens_of_each_kind():
    price = PriceConfig(input=1, output=10, cache_read=0.1, cache_write=1.25)

    cost = Usage(1_000_000, 100_000, 500_000, 200_000).cost(price)

    assert cost == (1 + 1 + 0.05 + 0.25) * 10**12


def test_cached_tokens_without_a_price_cost_as_much_as_input():
    price = PriceConfig(input=2, output=0)

    assert Usage(0, 0, 500_000, 500_000).cost(price) == 2 * 10**12


def test_a_price_of_zero_is_a_price():
    assert Usage(0, 0, 10**6).cost(PriceConfig(input=2, output=0, cache_read=0)) == 0
