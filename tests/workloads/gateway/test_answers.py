"""Chat completions from the unmodified openai client, through the real process, over sockets."""

import asyncio
import json

import openai
import pytest

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import (
    ASKED,
    NOVA,
    PROFILE,
    QUESTION,
    TEXTS,
    answer_everywhere,
    stream_everywhere,
)
from tests.workloads.gateway.fakes import (
    Gate,
    converse_answer,
    converse_stream,
    event,
    openai_completion,
    usage,
)

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.mark.parametrize("model", ["nova", "own", "endpoint"])
def test_every_kind_of_backend_answers(client, services, model):
    answer_everywhere(services)

    answer = client.chat.completions.create(model=model, messages=ASKED)

    assert answer.choices[0].message.content == "".join(TEXTS)
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 3)
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("model", ["nova", "own", "endpoint"])
@pytest.mark.parametrize("include_usage", [True, False])
def test_every_kind_of_backend_streams(client, services, model, include_usage):
    stream_everywhere(services)
    options = {"stream_options": {"include_usage": True}} if include_usage else {}

    chunks = list(
        client.chat.completions.create(model=model, messages=ASKED, stream=True, **options)
    )

    contents = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(contents) == "".join(TEXTS)
    assert [text for text in contents if text] == TEXTS
    counted = [chunk.usage for chunk in chunks if not chunk.choices]
    assert [(u.prompt_tokens, u.completion_tokens) for u in counted] == [(4, 3)] * include_usage


def test_many_streams_of_an_async_client_do_not_mix(gateway, services):
    stream_everywhere(services)

    async def one(client, model):
        stream = await client.chat.completions.create(model=model, messages=ASKED, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async def all():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as client:
            models = ["nova", "own", "endpoint"] * 8
            return await asyncio.gather(*(one(client, model) for model in models))

    assert set(asyncio.run(all())) == {"".join(TEXTS)}


def test_what_bedrock_is_asked(client, services):
    services.answer(PROFILE, body=converse_answer({"text": "x"}))
    services.answer(NOVA, body=converse_answer({"text": "x"}))

    answer = client.chat.completions.create(
        model="profile", messages=ASKED, max_tokens=9, temperature=0.5, stop=["END"]
    )
    client.chat.completions.create(model="nova", messages=ASKED)

    [received] = services.received[PROFILE]
    assert received.path == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-2%3A111122223333"
        "%3Ainference-profile%2Fus.claude-v1%3A0/converse"
    )
    assert received.body == {
        "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["END"]},
        "requestMetadata": {"tenant": "team-a", "request_id": answer._request_id},
    }
    assert received.headers["x-amz-security-token"] == "token"
    authorization = received.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-2/bedrock/aws4_request" in authorization
    [received] = services.received[NOVA]
    assert received.path == "/model/amazon.nova-lite-v1%3A0/converse"


def test_what_servers_are_asked(client, services):
    stream_everywhere(services)
    extra = {"top_k": 5}
    for model in ("own", "endpoint"):
        list(
            client.chat.completions.create(
                model=model, messages=ASKED, stream=True, seed=7, extra_body=extra
            )
        )

    expected = {
        "messages": ASKED,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 7,
        **extra,
    }
    [own] = services.received["own"]
    assert own.path == "/v1/chat/completions"
    assert own.body == {"model": "own", **expected}
    assert KEY not in str(own.headers)
    [endpoint] = services.received["tiny-llama"]
    assert endpoint.path == "/endpoints/tiny-llama/invocations-response-stream"
    assert endpoint.body == expected
    assert "/us-east-2/sagemaker/aws4_request" in endpoint.headers["authorization"]


def test_a_conversation_with_tools(client, services):
    use = {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Köln"}}
    services.answer(NOVA, body=converse_answer({"toolUse": use}, stop="tool_use"))
    messages = list(ASKED)
    answer = client.chat.completions.create(model="nova", messages=messages, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Köln"}

    services.answer(NOVA, body=converse_answer({"text": "It rains."}))
    messages += [message, {"role": "tool", "tool_call_id": "t1", "content": "rain"}]
    answer = client.chat.completions.create(model="nova", messages=messages, tools=[WEATHER])

    assert answer.choices[0].message.content == "It rains."
    _, received = services.received[NOVA]
    assert received.body["messages"][1:] == [
        {"role": "assistant", "content": [{"toolUse": use}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "rain"}]}}],
        },
    ]


def test_streamed_tool_calls_are_assembled_by_the_client(client, services):
    start = {"toolUse": {"toolUseId": "t1", "name": "get_weather"}}
    pieces = ['{"city":', ' "Köln"}']
    services.answer(
        NOVA,
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hm."}}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": start}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": p}}})
            for p in pieces
        ),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage(1, 1)}),
    )

    with client.chat.completions.stream(model="nova", messages=ASKED) as stream:
        final = stream.get_final_completion()

    [call] = final.choices[0].message.tool_calls
    assert (call.id, call.function.name) == ("t1", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Köln"}
    assert final.choices[0].message.content == "Hm."


def test_an_open_stream_delays_nobody(client, services, http):
    gate = Gate()
    services.answer(NOVA, *converse_stream(["Der "])[:2], gate, *converse_stream(["Fuchs"])[1:])
    services.answer("own", body=openai_completion("meanwhile"))
    stream = iter(client.chat.completions.create(model="nova", messages=ASKED, stream=True))
    next(stream)

    assert http.get("/health").status_code == 200
    other = client.chat.completions.create(model="own", messages=ASKED)
    assert other.choices[0].message.content == "meanwhile"

    gate.open()
    assert "Fuchs" in [chunk.choices[0].delta.content for chunk in stream]


def test_content_arrives_when_it_is_made_and_not_at_the_end(client, services):
    gates = [Gate(), Gate()]
    begin, first, second, *end = converse_stream(["one", "two"])
    services.answer(NOVA, begin, first, gates[0], second, gates[1], *end)
    stream = iter(client.chat.completions.create(model="nova", messages=ASKED, stream=True))

    seen = [next(stream).choices[0].delta.content for _ in range(2)]
    gates[0].open()
    seen.append(next(stream).choices[0].delta.content)
    gates[1].open()

    assert seen == ["", "one", "two"]


def test_tokens_and_cost_are_counted_for_answers_and_streams(gateway, services, metric):
    tokens = usage(100, 50, cacheReadInputTokens=1000, cacheWriteInputTokens=10)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-counted")
    services.answer(NOVA, body=converse_answer({"text": "x"}, tokens=tokens))
    raw = client.chat.completions.with_raw_response.create(model="nova", messages=ASKED)
    services.answer(NOVA, *converse_stream(["x"], tokens))
    list(client.chat.completions.create(model="nova", messages=ASKED, stream=True))
    client.close()

    cost = (100 * 0.06 + 50 * 0.24 + 1000 * 0.015 + 10 * 0.06) / 1e6
    assert float(raw.headers["x-gateway-cost-usd"]) == pytest.approx(cost, abs=1e-9)
    assert metric("gateway_cost_usd_total", "counted", "nova") == pytest.approx(2 * cost)
    kinds = {"input": 200, "output": 100, "cache_read": 2000, "cache_write": 20}
    for kind, count in kinds.items():
        assert metric("gateway_tokens_total", "counted", "nova", kind) == count
    assert metric("gateway_requests_total", "counted", "nova", "200") == 2
