"""Responses from the unmodified openai client, through the real process, over sockets."""

import json

import openai
import pytest

from tests.workloads.gateway.everywhere import (
    BACKENDS,
    MODELS,
    NOVA,
    QUESTION,
    TEXTS,
    answer_everywhere,
    call_tools_everywhere,
    stream_everywhere,
)
from tests.workloads.gateway.fakes import Cut, converse_answer, converse_stream, exception, usage

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.mark.parametrize("model", MODELS)
def test_every_kind_of_backend_responds(client, services, model):
    answer_everywhere(services)

    response = client.responses.create(model=model, input=QUESTION, instructions="Be brief.")

    assert response.output_text == "".join(TEXTS)
    assert (response.status, response.model, response.store) == ("completed", model, False)
    assert response.instructions == "Be brief."
    counted = response.usage
    assert (counted.input_tokens, counted.output_tokens, counted.total_tokens) == (4, 3, 7)
    assert response._request_id.startswith("req_")


@pytest.mark.parametrize("model", MODELS)
def test_every_kind_of_backend_streams(client, services, model):
    stream_everywhere(services)

    events = list(client.responses.create(model=model, input=QUESTION, stream=True))

    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == TEXTS
    whole = events[-1].response
    assert whole.output_text == "".join(TEXTS)
    assert whole.usage.output_tokens == 3
    assert whole.id == events[0].response.id


@pytest.mark.parametrize("model", MODELS)
def test_the_clients_helper_assembles_thoughts_text_and_calls(client, services, model):
    call_tools_everywhere(services, stream=True)

    with client.responses.stream(model=model, input=QUESTION, tools=[WEATHER]) as stream:
        response = stream.get_final_response()

    thought, message, call = response.output
    assert thought.content[0].text == "Weather"
    assert message.content[0].text == response.output_text == "Hm."
    assert (call.call_id, call.name, call.status) == ("t1", "get_weather", "completed")
    assert json.loads(call.arguments) == {"city": "Köln"}


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_with_tools(client, services, model):
    call_tools_everywhere(services, stream=False)
    history = [{"role": "user", "content": QUESTION}]
    response = client.responses.create(
        model=model, input=history, tools=[WEATHER], tool_choice="required"
    )
    [call] = [item for item in response.output if item.type == "function_call"]

    answer_everywhere(services, ["It rains."])
    history += response.output
    history += [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
    response = client.responses.create(model=model, input=history, tools=[WEATHER])

    assert response.output_text == "It rains."
    first, second = (received.body for received in services.received[BACKENDS[model]])
    if model == "nova":
        assert first["toolConfig"]["toolChoice"] == {"any": {}}
        result = {"toolUseId": "t1", "content": [{"text": "rain"}]}
        assert second["messages"][-1]["content"] == [{"toolResult": result}]
    else:
        assert first["tool_choice"] == "required"
        assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]


def test_what_bedrock_is_asked(client, services):
    services.answer(NOVA, body=converse_answer({"text": '{"name": "Renate"}'}))
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="}

    client.responses.create(
        model="nova",
        input=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Who?"}, image]},
        ],
        max_output_tokens=9,
        temperature=0.5,
        text={"format": {"type": "json_schema", "name": "fox", "schema": schema, "strict": True}},
        reasoning={"effort": "low"},
    )

    [received] = services.received[NOVA]
    form = received.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(form["schema"]) == schema
    assert received.body["outputConfig"]["effort"] == "low"
    assert received.body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5}
    assert received.body["system"] == [{"text": "Be brief."}]
    assert received.body["messages"] == [
        {
            "role": "user",
            "content": [
                {"text": "Who?"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [("max_tokens", "max_output_tokens"), ("guardrail_intervened", "content_filter")],
)
def test_an_incomplete_response_says_why(client, services, stop, reason):
    tokens = usage(4, 3, cacheReadInputTokens=10)
    services.answer(NOVA, body=converse_answer({"text": "Der"}, stop=stop, tokens=tokens))

    response = client.responses.create(model="nova", input=QUESTION)

    assert (response.status, response.incomplete_details.reason) == ("incomplete", reason)
    assert response.usage.input_tokens == 14
    assert response.usage.input_tokens_details.cached_tokens == 10


@pytest.mark.parametrize("end", [Cut(), exception("throttlingException", "Too many tokens")])
def test_an_error_after_content_is_raised_by_the_client(client, services, end):
    services.answer(NOVA, *converse_stream(["Der "])[:2], end)

    text = ""
    with pytest.raises(openai.APIError, match=r"broke off|Too many tokens"):
        for event in client.responses.create(model="nova", input=QUESTION, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
    assert text == "Der "


def test_an_error_before_content_is_an_http_error(client, services):
    services.answer(NOVA, exception("throttlingException", "slow"))

    with pytest.raises(openai.RateLimitError, match="slow"):
        client.responses.create(model="nova", input=QUESTION, stream=True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"previous_response_id": "resp_1"}, "keeps no responses"),
        ({"store": True}, "store must be false"),
        ({"background": True}, "keeps no responses"),
        ({"conversation": "conv_1"}, "keeps no responses"),
        ({"tools": [{"type": "web_search"}]}, "not a function"),
        ({"input": []}, "input must be"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_reference"),
        ({"top_logprobs": 5}, "top_logprobs"),
    ],
)
def test_what_needs_a_memory_or_another_service_is_refused(client, services, asked, words):
    with pytest.raises(openai.BadRequestError, match=words):
        client.responses.create(**{"model": "nova", "input": QUESTION, **asked})
    assert services.received == {}
