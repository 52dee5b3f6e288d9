import pytest


# The sentence after the key is the gateway's own: one schema, one place for its words.
@pytest.mark.parametrize(
    ("models", "key", "words"),
    [
        ([{"name": "a"}], 'gateway.models["a"]', "exactly one of bedrock, openai, sagemaker"),
        (
            [{"name": "a", "bedrock": "x", "openai": "http://h/v1"}],
            'gateway.models["a"]',
            "exactly one",
        ),
        (
            [{"name": "a", "openai": "ftp://h"}],
            'gateway.models["a"].openai = "ftp://h"',
            "base URL",
        ),
        ([{"name": "a", "bedrock": 3}], 'gateway.models["a"].bedrock = 3', "text in quotes"),
        (["a"], 'gateway.models[0] = "a"', "a table, written [[gateway.models]]"),
        ([{"bedrock": "x"}], "gateway.models[0].name", "is missing"),
        (
            [{"name": "nova", "bedrok": "x"}],
            'gateway.models["nova"].bedrok = "x"',
            "is not a known key; did you mean bedrock?",
        ),
        ([{"name": "a", "bedrock": "x", "fallback": ["b"]}], "gateway.models", "'b'"),
        (
            [{"name": "a", "bedrock": "x"}, {"name": "a", "bedrock": "y"}],
            "gateway.models",
            "'a' is given twice",
        ),
        (
            [{"name": "a", "bedrock": "x", "price": {"input": -1, "output": 1}}],
            'gateway.models["a"].price.input = -1',
            "greater than or equal to 0",
        ),
    ],
)
def test_a_wrong_model_of_the_gateway_is_one_sentence_too(refusal, models, key, words):
    sentence = refusal(gateway={"models": models})

    assert sentence.startswith(key)
    assert words in sentence


def test_a_model_may_name_an_endpoint_that_is_not_of_this_file(load):
    config = load(gateway={"models": [{"name": "a", "sagemaker": "elsewhere"}]})

    assert config.gateway.models[0].sagemaker == "elsewhere"
