"""Models of Bedrock, whose own guardrail reads no tools, and only what a client marks."""

from base64 import b64encode

import boto3
import openai
import pytest

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import NOVA
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import Answer, converse_answer, event, usage
from tests.workloads.gateway.guardrails.conftest import ASYNC, checked, told

TOOL = {"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "mail", "inputSchema": {"json": {"type": "object"}}}}]}
ASKED = [{"role": "user", "content": [{"text": "Hello?"}]}]


@pytest.fixture
def bedrock(guarded, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    return boto3.client("bedrock-runtime", endpoint_url=guarded.url, region_name="us-east-2")


def call_tool(services, input: dict, *fragments: str) -> None:
    """Nova says something and calls the tool; in a stream, where there are fragments."""
    use = {"toolUseId": "t1", "name": "mail"}
    if not fragments:
        blocks = [{"text": "a@b.c"}, {"toolUse": {**use, "input": input}}]
        services.answer(NOVA, body=converse_answer(*blocks, stop="tool_use", tokens=usage(4, 3)))
        return
    services.answer(
        NOVA,
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a@b.c"}}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": use}}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": f}}})
            for f in fragments
        ),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage(4, 3), "metrics": {"latencyMs": 77}}),
    )


def test_arguments_are_masked(bedrock, services):
    call_tool(services, {"to": "a@b.c", "n": 1})

    answer = bedrock.converse(modelId="nova", messages=ASKED, toolConfig=TOOLS)

    said, called = answer["output"]["message"]["content"]
    assert said["text"] == "a@b.c"  # Bedrock's own guardrail has let it pass
    assert called["toolUse"]["input"] == {"to": "{EMAIL}", "n": 1}
    assert answer["stopReason"] == "tool_use"
    assert checked(services) == [("OUTPUT", ["to", "a@b.c", "n", "1"])]


def test_arguments_are_masked_in_a_stream(bedrock, services):
    call_tool(services, {}, '{"to": "a@', 'b.c"}')

    stream = bedrock.converse_stream(modelId="nova", messages=ASKED, toolConfig=TOOLS)["stream"]
    events = list(stream)

    inputs = [
        e["contentBlockDelta"]["delta"]["toolUse"]["input"]
        for e in events
        if "toolUse" in e.get("contentBlockDelta", {}).get("delta", {})
    ]
    assert inputs == ['{"to":"{EMAIL}"}']
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"
    assert events[-1]["metadata"]["metrics"]["latencyMs"] == 77


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("choices", [1, 2])
def test_no_tool_is_called_with_what_may_not_be_said(client, services, streamed, choices):
    call_tool(services, {"text": "forbidden"}, *(['{"text": "for', 'bidden"}'] if streamed else []))
    asked = {"n": choices, "tools": [TOOL], "messages": [{"role": "user", "content": "x"}]}

    answer = client.chat.completions.create(model="nova", stream=streamed, **asked)

    if streamed:
        chunks = list(answer)
        assert not any(c.choices[0].delta.tool_calls for c in chunks if c.choices)
        texts, reasons, _ = told(chunks)
        assert sorted(texts) == sorted(["a@b.c", BLOCKED["OUTPUT"]] * choices)
        assert reasons == ["content_filter"] * choices
    else:
        assert [c.message.tool_calls for c in answer.choices] == [None] * choices
        assert [c.message.content for c in answer.choices] == [BLOCKED["OUTPUT"]] * choices


def test_an_asynchronous_guardrail_ends_an_answer_after_its_call(client, services):
    call_tool(services, {}, '{"text": "for', 'bidden"}')

    chunks = client.with_options(api_key=ASYNC).chat.completions.create(
        model="nova", tools=[TOOL], messages=[{"role": "user", "content": "x"}], stream=True
    )

    texts, reasons, _ = told(chunks)
    assert (texts, reasons) == (["a@b.c", BLOCKED["OUTPUT"]], ["content_filter"])


PNG = {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n forbidden"}}


@pytest.mark.parametrize(
    "given",
    [
        {"text": "It is forbidden."},
        {"json": {"a": [{"b": "forbidden"}]}},
        {"image": PNG},
        {"searchResult": {"source": "s", "title": "t", "content": [{"text": "forbidden"}]}},
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_tool_gave_is_checked(bedrock, services, given, streamed):
    result = {"toolResult": {"toolUseId": "t1", "content": [given]}}
    asked = {"modelId": "nova", "toolConfig": TOOLS}
    messages = [{"role": "user", "content": [result]}]

    if streamed:
        events = bedrock.converse_stream(messages=messages, **asked)["stream"]
        [stop] = [e["messageStop"]["stopReason"] for e in events if "messageStop" in e]
    else:
        stop = bedrock.converse(messages=messages, **asked)["stopReason"]

    assert stop == "guardrail_intervened"
    assert NOVA not in services.received


def test_what_tools_were_called_with_and_gave_is_masked_and_the_rest_as_it_was(client, services):
    services.answer(NOVA, body=converse_answer({"text": "ok"}))
    function = {"name": "mail", "arguments": '{"to": "a@b.c"}'}
    messages = [
        {"role": "user", "content": "Mail a@b.c"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "t1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "Sent to a@b.c"},
    ]

    client.chat.completions.create(model="nova", messages=messages, tools=[TOOL])

    user, assistant, tool = services.received[NOVA][0].body["messages"]
    assert user["content"] == [{"text": "Mail a@b.c"}]  # Bedrock's own guardrail reads that
    assert assistant["content"][0]["toolUse"]["input"] == {"to": "{EMAIL}"}
    assert tool["content"][0]["toolResult"]["content"] == [{"text": "Sent to {EMAIL}"}]


def test_an_image_of_a_tool_that_cannot_be_read_is_refused(bedrock, services):
    image = {"image": {"format": "gif", "source": {"bytes": b"GIF89a"}}}
    result = {"toolResult": {"toolUseId": "t1", "content": [image]}}

    with pytest.raises(bedrock.exceptions.ValidationException, match="PNG or JPEG"):
        bedrock.converse(
            modelId="nova", messages=[{"role": "user", "content": [result]}], toolConfig=TOOLS
        )


def test_without_its_guardrail_no_tool_is_called(client, services):
    call_tool(services, {"to": "x"})
    services.answers["guardrail gr-1"] = Answer(status=500)

    with pytest.raises(openai.InternalServerError, match="guardrail"):
        client.chat.completions.create(
            model="nova", messages=[{"role": "user", "content": "x"}], tools=[TOOL]
        )


def test_no_client_chooses_what_is_checked(bedrock, services):
    services.answer(NOVA, body=converse_answer({"text": "ok"}))
    marked = {"text": {"text": "harmless", "qualifiers": ["guard_content"]}}
    image = {"format": "png", "source": {"bytes": b"fox"}}

    bedrock.converse(
        modelId="nova",
        system=[{"guardContent": marked}, {"text": "Be kind."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"guardContent": marked},
                    {"text": "forbidden"},
                    {"guardContent": {"image": image}},
                ],
            }
        ],
    )

    body = services.received[NOVA][0].body
    assert body["system"] == [{"text": "harmless"}, {"text": "Be kind."}]
    sent = {"format": "png", "source": {"bytes": b64encode(b"fox").decode()}}
    assert body["messages"][0]["content"] == [
        {"text": "harmless"},
        {"text": "forbidden"},
        {"image": sent},
    ]
    assert checked(services) == []
