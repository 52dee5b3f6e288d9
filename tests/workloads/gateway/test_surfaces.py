"""The same conversations from three unmodified clients, with every kind of backend behind."""

import base64
import json

import anthropic
import boto3
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.fakes import (
    Cut,
    converse_answer,
    converse_stream,
    event,
    exception,
    openai_chunk,
    openai_completion,
    openai_stream,
    sse,
    usage,
)

NOVA = "amazon.nova-lite-v1:0"
MODELS = ["nova", "own", "endpoint"]
TEXTS = ["Der Fuchs ", "heißt „Renate“.\n", "🦊\u2028"]
QUESTION = "Wie heißt der Fuchs? 🦊"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
USE = {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Köln"}}
CALL = {
    "id": "t1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Köln"}'},
}
PNG = base64.b64encode(b"\x89PNG").decode()


@pytest.fixture(scope="module")
def claude(gateway):
    """Anthropic's client."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def bedrock(gateway):
    """Bedrock's client, with the gateway's key as its API key."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
        config = Config(retries={"total_max_attempts": 1})
        session = boto3.Session(region_name="us-east-2")
        yield session.client("bedrock-runtime", endpoint_url=gateway.url, config=config)


def parts(events: list[bytes]) -> list[bytes]:
    data = b"".join(events)
    return [event("PayloadPart", data[i : i + 50]) for i in range(0, len(data), 50)]


@pytest.fixture
def answers(services):
    """Every backend says the same."""
    text = "".join(TEXTS)
    services.answer(NOVA, body=converse_answer({"text": text}, tokens=usage(4, 3)))
    services.answer("own", body=openai_completion(text))
    services.answer("tiny-llama", body=openai_completion(text, "tiny"))
    return services


@pytest.fixture
def streams(services):
    """Every backend streams the same."""
    services.answer(NOVA, *converse_stream(TEXTS, usage(4, 3)))
    services.answer("own", *openai_stream(TEXTS))
    services.answer("tiny-llama", *parts(openai_stream(TEXTS, "tiny")))
    return services


@pytest.fixture
def tool_streams(services):
    """Every backend thinks, speaks and calls a tool."""
    start = {"toolUse": {"toolUseId": "t1", "name": "get_weather"}}
    deltas = [
        (0, {"reasoningContent": {"text": "Weather"}}),
        (0, {"reasoningContent": {"signature": "c2ln"}}),
        (1, {"text": "Hm."}),
    ]
    services.answer(
        NOVA,
        event("messageStart", {"role": "assistant"}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": block, "delta": delta})
            for block, delta in deltas[:2]
        ),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": deltas[2][1]}),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("contentBlockStart", {"contentBlockIndex": 2, "start": start}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": p}}})
            for p in ('{"city":', ' "Köln"}')
        ),
        event("contentBlockStop", {"contentBlockIndex": 2}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage(4, 3), "metrics": {"latencyMs": 1}}),
    )
    begun = {"index": 0, **CALL, "function": {"name": "get_weather", "arguments": ""}}
    chunks = sse(
        openai_chunk({"role": "assistant", "content": ""}),
        openai_chunk({"reasoning_content": "Weather"}),
        openai_chunk({"content": "Hm."}),
        openai_chunk({"tool_calls": [begun]}),
        *(
            openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": p}}]})
            for p in ('{"city":', ' "Köln"}')
        ),
        {**openai_chunk({}), "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        openai_chunk(None, usage={"prompt_tokens": 4, "completion_tokens": 3}),
        "[DONE]",
    )
    services.answer("own", *chunks)
    services.answer("tiny-llama", *parts(chunks))


def ask(claude, model="nova", **more):
    question = [{"role": "user", "content": QUESTION}]
    return claude.messages.create(model=model, max_tokens=9, **{"messages": question, **more})


def turn(*blocks: dict, role="user") -> dict:
    return {"role": role, "content": list(blocks)}


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


THROTTLED = {
    "status": 429,
    "headers": {"x-amzn-errortype": "ThrottlingException", "retry-after": "7"},
    "body": {"message": "slow down, arn:aws:bedrock:us-east-2:111122223333:x"},
}
FAILURES = [
    (THROTTLED, anthropic.RateLimitError, "rate_limit_error", "ThrottlingException", 429),
    (
        {
            "status": 503,
            "headers": {"x-amzn-errortype": "ServiceUnavailableException", "retry-after": "7"},
        },
        anthropic.APIStatusError,
        "overloaded_error",
        "ServiceUnavailableException",
        503,
    ),
    (
        {"status": 400, "headers": {"x-amzn-errortype": "ValidationException"}},
        anthropic.BadRequestError,
        "invalid_request_error",
        "ValidationException",
        400,
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("failure", "raised", "kind", "name", "status"), FAILURES)
def test_each_client_raises_its_own_error_before_content(
    claude, bedrock, services, stream, failure, raised, kind, name, status
):
    services.answer(NOVA, **failure)

    with pytest.raises(raised) as caught:
        ask(claude, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["request_id"] == caught.value.request_id
    assert "111122223333" not in str(caught.value.body)

    converse = bedrock.converse_stream if stream else bedrock.converse
    with pytest.raises(ClientError) as caught:
        converse(modelId="nova", messages=[turn({"text": "x"})])
    assert caught.value.response["Error"]["Code"] == name
    assert "111122223333" not in str(caught.value.response)
    if "retry-after" in failure["headers"]:
        headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["nova", "endpoint"])
@pytest.mark.parametrize("cut", [True, False])
def test_each_client_raises_its_own_error_after_content(claude, bedrock, services, model, cut):
    begin = openai_chunk({"content": "Der "})
    steps = converse_stream(["Der "])[:2]
    end = Cut() if cut else exception("throttlingException", "Too many tokens")
    services.answer(NOVA, *steps, end)
    failing = sse(begin) if cut else sse(begin, {"error": {"message": "out of memory"}})
    services.answer("tiny-llama", *parts(failing))
    text = ""

    with pytest.raises(anthropic.APIStatusError) as caught:
        for part in ask(claude, model, stream=True):
            if part.type == "content_block_delta":
                text += part.delta.text
    assert text == "Der "
    assert caught.value.body["type"] == "error"

    text = ""
    with pytest.raises(EventStreamError) as caught:
        answer = bedrock.converse_stream(modelId=model, messages=[turn({"text": "x"})])
        for part in answer["stream"]:
            if "contentBlockDelta" in part:
                text += part["contentBlockDelta"]["delta"]["text"]
    assert text == "Der "
    expected = "throttlingException" if model == "nova" and not cut else "modelStreamErrorException"
    assert caught.value.response["Error"]["Code"] == expected


def test_wrong_keys_and_models_are_each_clients_errors(gateway, claude, bedrock):
    with anthropic.Anthropic(base_url=gateway.url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            ask(stranger)
        with pytest.raises(anthropic.AuthenticationError):
            stranger.models.list()
    with pytest.raises(anthropic.NotFoundError, match="does not exist"):
        ask(claude, "gpt-x")
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId="gpt-x", messages=[turn({"text": "x"})])
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_anthropic_lists_the_models(claude):
    assert [model.id for model in claude.models.list()] == [
        "nova",
        "profile",
        "own",
        "gone",
        "endpoint",
    ]
    assert claude.models.retrieve("own").display_name == "own"
