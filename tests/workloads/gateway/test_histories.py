"""One history, told by three unmodified clients, reaches every kind of backend the same."""

import base64

import openai
import pytest

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import (
    CALL,
    NOVA,
    QUESTION,
    USE,
    answer_everywhere,
    turn,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


PNG = base64.b64encode(b"\x89PNG").decode()


@pytest.fixture
def answers(services):
    answer_everywhere(services)
    return services


def ask(claude, model="nova", **more):
    question = [{"role": "user", "content": QUESTION}]
    return claude.messages.create(model=model, max_tokens=9, **{"messages": question, **more})


ANTHROPIC_HISTORY = [
    turn(
        {"type": "text", "text": "Look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ),
    turn(
        {"type": "text", "text": "Hm."},
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Köln"}},
        role="assistant",
    ),
    turn(
        {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
        {"type": "text", "text": "And?"},
    ),
]


BEDROCK_HISTORY = [
    turn({"text": "Look"}, {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}),
    turn({"text": "Hm."}, {"toolUse": USE}, role="assistant"),
    turn({"toolResult": {"toolUseId": "t1", "content": [{"text": "rain"}]}}, {"text": "And?"}),
]


OPENAI_HISTORY = [
    {"role": "system", "content": "Be brief."},
    turn(
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ),
    {
        "role": "assistant",
        "content": "Hm.",
        "tool_calls": [
            {**CALL, "function": {"name": "get_weather", "arguments": '{"city":"Köln"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "t1", "content": "rain"},
    {"role": "user", "content": "And?"},
]


def converse_history() -> list[dict]:
    """The history as it is on the wire, where bytes are base64."""
    first, *others = BEDROCK_HISTORY
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    return [turn(first["content"][0], image), *others]


@pytest.fixture(params=["anthropic", "bedrock", "openai"])
def tell_history(request, claude, bedrock, gateway):
    """Tell one history with an image, a tool and a system prompt, as each client does."""

    def by_anthropic(model):
        tool = {"name": "get_weather", "input_schema": SCHEMA}
        choice = {"type": "tool", "name": "get_weather"}
        more = {"system": "Be brief.", "tools": [tool], "tool_choice": choice}
        ask(claude, model, messages=ANTHROPIC_HISTORY, stop_sequences=["END"], **more)

    def by_bedrock(model):
        spec = {"toolSpec": {"name": "get_weather", "inputSchema": {"json": SCHEMA}}}
        bedrock.converse(
            modelId=model,
            messages=BEDROCK_HISTORY,
            system=[{"text": "Be brief."}],
            inferenceConfig={"maxTokens": 9, "stopSequences": ["END"]},
            toolConfig={"tools": [spec], "toolChoice": {"tool": {"name": "get_weather"}}},
        )

    def by_openai(model):
        function = {"name": "get_weather", "parameters": SCHEMA}
        choice = {"type": "function", "function": {"name": "get_weather"}}
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
            client.chat.completions.create(
                model=model,
                messages=OPENAI_HISTORY,
                max_tokens=9,
                stop=["END"],
                tools=[{"type": "function", "function": function}],
                tool_choice=choice,
            )

    return {"anthropic": by_anthropic, "bedrock": by_bedrock, "openai": by_openai}[request.param]


def test_a_history_reaches_bedrock_the_same_from_every_client(tell_history, answers):
    tell_history("nova")

    body = answers.received[NOVA][0].body
    body.pop("additionalModelResponseFieldPaths", None)
    assert body.pop("requestMetadata")["tenant"] == "team-a"
    assert body == {
        "system": [{"text": "Be brief."}],
        "messages": converse_history(),
        "inferenceConfig": {"maxTokens": 9, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": SCHEMA}}}],
            "toolChoice": {"tool": {"name": "get_weather"}},
        },
    }


@pytest.mark.parametrize(("model", "who"), [("own", "own"), ("endpoint", "tiny-llama")])
def test_a_history_reaches_servers_the_same_from_every_client(tell_history, answers, model, who):
    tell_history(model)

    body = answers.received[who][0].body
    assert body.pop("model", None) == ("own" if model == "own" else None)
    assert body.pop("stream", False) is False
    assert body == {
        "messages": OPENAI_HISTORY,
        "max_tokens": 9,
        "stop": ["END"],
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    }
