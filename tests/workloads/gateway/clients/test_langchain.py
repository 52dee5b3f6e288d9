"""Unmodified LangChain chat models of three providers, through the real process, over sockets."""

import json
from functools import cache

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import (
    BACKENDS,
    MODELS,
    QUESTION,
    TEXTS,
    answer_everywhere,
    call_tools_everywhere,
    openai_embeddings,
    stream_everywhere,
)


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return "rain"


def by_openai(url: str, model: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{url}/v1", api_key=KEY, model=model, max_retries=0, stream_usage=True
    )


def by_responses(url: str, model: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{url}/v1", api_key=KEY, model=model, max_retries=0, use_responses_api=True
    )


def by_anthropic(url: str, model: str) -> ChatAnthropic:
    return ChatAnthropic(base_url=url, api_key=KEY, model=model, max_retries=0, max_tokens=9)


@cache  # each makes two clients of AWS, which takes longer than all else here
def by_bedrock(url: str, model: str) -> ChatBedrockConverse:
    return ChatBedrockConverse(
        model=model,
        provider="amazon",
        endpoint_url=url,
        region_name="us-east-2",
        bedrock_api_key=KEY,
        disable_streaming=False,  # its default for models that it does not know by name
        max_retries=0,
    )


@pytest.fixture(
    params=[by_openai, by_responses, by_anthropic, by_bedrock], ids=lambda make: make.__name__
)
def chat(request, gateway):
    """A chat model by its name in the gateway."""
    return lambda model: request.param(gateway.url, model)


@pytest.mark.parametrize("model", MODELS)
def test_langchain_gets_an_answer(chat, services, model):
    answer_everywhere(services)

    answer = chat(model).invoke(QUESTION)

    assert answer.text == "".join(TEXTS)
    counted = answer.usage_metadata
    assert (counted["input_tokens"], counted["output_tokens"]) == (4, 3)


@pytest.mark.parametrize("model", MODELS)
def test_langchain_gets_a_stream(chat, services, model):
    stream_everywhere(services)

    chunks = list(chat(model).stream(QUESTION))

    assert [chunk.text for chunk in chunks if chunk.text] == TEXTS
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata["output_tokens"] == 3


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_langchain_calls_a_tool_and_tells_what_it_gave(chat, services, model, stream):
    bound = chat(model).bind_tools([get_weather])
    call_tools_everywhere(services, stream=stream)
    history = [HumanMessage(QUESTION)]

    if stream:
        message = None
        for chunk in bound.stream(history):
            message = chunk if message is None else message + chunk
    else:
        message = bound.invoke(history)
    [call] = message.tool_calls
    assert (call["id"], call["name"], call["args"]) == ("t1", "get_weather", {"city": "Köln"})

    answer_everywhere(services, ["It rains."])
    result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    answer = bound.invoke([*history, message, result])

    assert answer.text == "It rains."
    told = json.dumps(services.received[BACKENDS[model]][-1].body, ensure_ascii=False)
    assert all(said in told for said in ("get_weather", "Köln", "rain", '"t1"'))


def test_langchain_gets_embeddings(gateway, services):
    services.answer("own", body=openai_embeddings([[0.5, -1.0], [2.0, 0.0]]))
    embeddings = OpenAIEmbeddings(
        base_url=f"{gateway.url}/v1",
        api_key=KEY,
        model="own",
        check_embedding_ctx_length=False,  # else texts become tokens of OpenAI's own models
    )

    assert embeddings.embed_documents(["a", "b"]) == [[0.5, -1.0], [2.0, 0.0]]
