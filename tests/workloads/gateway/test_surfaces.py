"""Conversations from unmodified clients of Anthropic and AWS, with every kind of backend."""

import json

import anthropic
import pytest

from tests.workloads.gateway.everywhere import (
    MODELS,
    NOVA,
    QUESTION,
    TEXTS,
    answer_everywhere,
    call_tools_everywhere,
    stream_everywhere,
    turn,
)
from tests.workloads.gateway.fakes import (
    converse_answer,
)


@pytest.fixture
def answers(services):
    answer_everywhere(services)
    return services


@pytest.fixture
def streams(services):
    stream_everywhere(services)
    return services


@pytest.fixture
def tool_streams(services):
    """Every backend thinks, speaks and calls a tool."""
    call_tools_everywhere(services, stream=True)
    return services


def ask(claude, model="nova", **more):
    question = [{"role": "user", "content": QUESTION}]
    return claude.messages.create(model=model, max_tokens=9, **{"messages": question, **more})


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_gets_a_message(claude, answers, model):
    message = ask(claude, model)

    assert [(block.type, block.text) for block in message.content] == [("text", "".join(TEXTS))]
    assert (message.model, message.role, message.stop_reason) == (model, "assistant", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 3)
    assert message._request_id.startswith("req_")


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_gets_a_stream(claude, streams, model):
    question = [{"role": "user", "content": QUESTION}]
    with claude.messages.stream(model=model, max_tokens=9, messages=question) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()

    assert texts == TEXTS
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 3)


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_assembles_thoughts_text_and_tools(claude, tool_streams, model):
    question = [{"role": "user", "content": QUESTION}]
    with claude.messages.stream(model=model, max_tokens=9, messages=question) as stream:
        message = stream.get_final_message()

    thought, text, use = message.content
    assert (thought.type, thought.thinking) == ("thinking", "Weather")
    assert thought.signature == ("c2ln" if model == "nova" else "")
    assert text.text == "Hm."
    assert (use.id, use.name, use.input) == ("t1", "get_weather", {"city": "Köln"})
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize("model", MODELS)
def test_bedrock_gets_an_answer(bedrock, answers, model):
    answer = bedrock.converse(modelId=model, messages=[turn({"text": QUESTION})])

    assert answer["output"]["message"]["content"] == [{"text": "".join(TEXTS)}]
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {"inputTokens": 4, "outputTokens": 3, "totalTokens": 7}
    assert answer["ResponseMetadata"]["RequestId"].startswith("req_")


@pytest.mark.parametrize("model", MODELS)
def test_bedrock_gets_a_stream(bedrock, streams, model):
    answer = bedrock.converse_stream(modelId=model, messages=[turn({"text": QUESTION})])
    events = [next(iter(event.items())) for event in answer["stream"]]

    kinds = [kind for kind, _ in events]
    assert kinds == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert [e["delta"]["text"] for kind, e in events if kind == "contentBlockDelta"] == TEXTS
    assert events[-1][1]["usage"]["totalTokens"] == 7


@pytest.mark.parametrize("model", MODELS)
def test_bedrock_gets_streamed_tool_calls(bedrock, tool_streams, model):
    answer = bedrock.converse_stream(modelId=model, messages=[turn({"text": QUESTION})])
    events = [next(iter(event.items())) for event in answer["stream"]]

    [start] = [e for kind, e in events if kind == "contentBlockStart"]
    assert start["start"]["toolUse"] == {"toolUseId": "t1", "name": "get_weather"}
    deltas = [e for kind, e in events if kind == "contentBlockDelta"]
    arguments = [e["delta"]["toolUse"]["input"] for e in deltas if "toolUse" in e["delta"]]
    assert json.loads("".join(arguments)) == {"city": "Köln"}
    assert {e["contentBlockIndex"] for e in deltas} == {0, 1, 2}
    assert dict(events)["messageStop"]["stopReason"] == "tool_use"


def test_bedrock_may_name_a_model_by_its_id_and_by_an_arn(bedrock, services):
    arn = "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.claude-v1:0"
    services.answer(NOVA, body=converse_answer({"text": "x"}))
    services.answer(arn, body=converse_answer({"text": "x"}))

    for id in (NOVA, arn):
        bedrock.converse(modelId=id, messages=[turn({"text": QUESTION})])
        assert len(services.received[id]) == 1


def test_what_bedrock_says_of_itself_passes_but_for_arns(bedrock, services):
    router = {"invokedModelId": "arn:aws:bedrock:us-east-2:111122223333:inference-profile/x"}
    more = {"trace": {"promptRouter": router}, "serviceTier": {"type": "flex"}}
    services.answer(NOVA, body=converse_answer({"text": "x"}) | more)

    answer = bedrock.converse(
        modelId="nova",
        messages=[turn({"text": "x"}, {"cachePoint": {"type": "default"}})],
        serviceTier={"type": "flex"},
        requestMetadata={"team": "a"},
    )

    assert answer["serviceTier"] == {"type": "flex"}
    assert answer["trace"]["promptRouter"]["invokedModelId"] == "<arn>"
    [received] = services.received[NOVA]
    assert received.body["requestMetadata"].items() >= {("team", "a"), ("tenant", "team-a")}
    assert received.headers["authorization"].startswith("AWS4-HMAC-SHA256")


def test_tokens_are_counted_before_they_are_spent(claude, bedrock, services):
    services.answer(NOVA, body={"inputTokens": 12})
    services.answer("own", body={"count": 11, "max_model_len": 2048, "tokens": []})
    question = [{"role": "user", "content": QUESTION}]

    counted = claude.messages.count_tokens(model="nova", messages=question, system="Be brief.")
    assert counted.input_tokens == 12
    [received] = services.received[NOVA]
    assert received.path == "/model/amazon.nova-lite-v1%3A0/count-tokens"
    assert received.body["input"]["converse"]["system"] == [{"text": "Be brief."}]
    assert claude.messages.count_tokens(model="own", messages=question).input_tokens == 11
    assert services.received["own"][0].body == {"model": "own", "messages": question}
    asked = {"converse": {"messages": [turn({"text": QUESTION})]}}
    assert bedrock.count_tokens(modelId="nova", input=asked)["inputTokens"] == 12
    with pytest.raises(anthropic.NotFoundError, match="counts no tokens"):
        claude.messages.count_tokens(model="endpoint", messages=question)


def test_anthropic_lists_the_models(claude):
    assert [model.id for model in claude.models.list()] == [
        "nova",
        "profile",
        "own",
        "gone",
        "endpoint",
    ]
    assert claude.models.retrieve("own").display_name == "own"
