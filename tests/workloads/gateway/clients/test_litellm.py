"""The unmodified LiteLLM SDK with each of its providers, through the real process, over sockets."""

import json
import os

import pytest

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import (
    QUESTION,
    TEXTS,
    answer_everywhere,
    call_tools_everywhere,
    openai_embeddings,
    stream_everywhere,
)

MODELS = ["nova", "own"]
ASKED = [{"role": "user", "content": QUESTION}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def litellm():
    """Imported here: it takes seconds, and every worker collects every file."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks the internet
    import litellm

    return litellm


@pytest.fixture(params=["openai", "anthropic", "bedrock"])
def complete(request, litellm, gateway):
    """Ask a model of the gateway through one of LiteLLM's providers."""
    provider = {
        "openai": {"custom_llm_provider": "openai", "api_base": f"{gateway.url}/v1"},
        "anthropic": {"custom_llm_provider": "anthropic", "api_base": gateway.url},
        "bedrock": {
            "custom_llm_provider": "bedrock",
            "aws_bedrock_runtime_endpoint": gateway.url,
            "aws_region_name": "us-east-2",
        },
    }[request.param]

    def ask(model, **more):
        if request.param == "bedrock":  # the model's name tells it what the model can do
            model, more["model_id"] = "converse/amazon.nova-lite-v1:0", model
        return litellm.completion(
            model=model, api_key=KEY, num_retries=0, max_tokens=9, **provider, **more
        )

    return ask


@pytest.mark.parametrize("model", MODELS)
def test_litellm_gets_an_answer(complete, services, model):
    answer_everywhere(services)

    answer = complete(model, messages=ASKED)

    assert answer.choices[0].message.content == "".join(TEXTS)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 3)


@pytest.mark.parametrize("model", MODELS)
def test_litellm_gets_a_stream(complete, services, model):
    stream_everywhere(services)

    chunks = list(complete(model, messages=ASKED, stream=True))

    texts = [chunk.choices[0].delta.content for chunk in chunks]
    assert [text for text in texts if text] == TEXTS


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_litellm_calls_a_tool(litellm, complete, services, model, stream):
    call_tools_everywhere(services, stream=stream)

    answer = complete(model, messages=ASKED, tools=[WEATHER], stream=stream)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer))

    [call] = answer.choices[0].message.tool_calls
    assert (call.id, call.function.name) == ("t1", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Köln"}
    assert answer.choices[0].finish_reason == "tool_calls"


def test_litellm_gets_embeddings(litellm, gateway, services):
    services.answer("own", body=openai_embeddings([[0.5, -1.0], [2.0, 0.0]]))

    answer = litellm.embedding(
        model="openai/own", input=["a", "b"], api_base=f"{gateway.url}/v1", api_key=KEY
    )

    assert [item["embedding"] for item in answer.data] == [[0.5, -1.0], [2.0, 0.0]]
