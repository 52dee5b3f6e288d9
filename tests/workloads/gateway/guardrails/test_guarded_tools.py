"""What tools are called with and what they give, behind a guardrail."""

import json

import pytest

from tests.workloads.gateway.everywhere import BACKENDS, call_tools_everywhere, parts
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import openai_chunk, openai_completion, sse
from tests.workloads.gateway.guardrails.conftest import OWN, ask, checked, say, told


def call(arguments: str) -> dict:
    return {"id": "t1", "type": "function", "function": {"name": "mail", "arguments": arguments}}


def answer_with(services, arguments: str) -> None:
    completion = openai_completion("")
    [choice] = completion["choices"]
    choice |= {"finish_reason": "tool_calls"}
    choice["message"] |= {"content": None, "tool_calls": [call(arguments)]}
    for model in OWN:
        services.answer(BACKENDS[model], body=completion)


def stream_with(services, *fragments: str) -> None:
    deltas = [{"tool_calls": [{"index": 0, **call("")}]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": f}}]} for f in fragments]
    chunks = sse(
        *(openai_chunk(delta) for delta in deltas),
        {**openai_chunk({}), "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        openai_chunk(None, usage={"prompt_tokens": 4, "completion_tokens": 3}),
        "[DONE]",
    )
    services.answer("own", *chunks)
    services.answer("tiny-llama", *parts(chunks))


def called(client, model: str, *, streamed: bool) -> tuple[str, str]:
    """The arguments and the finish reason of the one call."""
    if streamed:
        with client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": "Hello?"}]
        ) as events:
            answer = events.get_final_completion()
    else:
        answer = ask(client, model)
    [choice] = answer.choices
    [made] = choice.message.tool_calls
    return made.function.arguments, choice.finish_reason


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_pass(client, services, model, streamed):
    call_tools_everywhere(services, stream=streamed)

    arguments, reason = called(client, model, streamed=streamed)

    assert (json.loads(arguments), reason) == ({"city": "Köln"}, "tool_calls")
    assert checked(services)[-1] == ("OUTPUT", ["city", "Köln"])


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_arguments_are_masked_and_are_json_still(client, services, model, streamed):
    fragments = ['{"to": ["a.b@exam', 'ple.com"], "\\u0061@b.c": {"n": 1.', '5, "ok": true}}']
    (stream_with if streamed else answer_with)(
        services, *fragments if streamed else ["".join(fragments)]
    )

    arguments, _ = called(client, model, streamed=streamed)

    assert json.loads(arguments) == {"to": ["{EMAIL}"], "{EMAIL}": {"n": 1.5, "ok": True}}
    assert checked(services)[-1][1] == ["to", "a.b@example.com", "a@b.c", "n", "1.5", "ok"]


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_is_not_called_with_what_may_not_be_said(client, services, model, streamed):
    if streamed:
        stream_with(services, '{"text": "\\u0066or', 'bidden"}')
        chunks = list(ask(client, model, stream=True, stream_options={"include_usage": True}))
        assert not any(c.choices[0].delta.tool_calls for c in chunks if c.choices)
        assert told(chunks) == ([BLOCKED["OUTPUT"]], ["content_filter"], [(4, 3)])
    else:
        answer_with(services, '{"text": "\\u0066orbidden"}')
        [choice] = ask(client, model).choices
        assert not choice.message.tool_calls
        assert choice.message.content == BLOCKED["OUTPUT"]
        assert choice.finish_reason == "content_filter"


def test_an_asynchronous_guardrail_ends_an_answer_after_its_call(async_client, services):
    stream_with(services, '{"text": "for', 'bidden"}')

    texts, reasons, _ = told(ask(async_client, "own", stream=True))

    assert (texts, reasons) == ([BLOCKED["OUTPUT"]], ["content_filter"])
    assert checked(services, "gr-async")[-1] == ("OUTPUT", ["text", "forbidden"])


@pytest.mark.parametrize("model", OWN)
def test_a_tool_without_arguments_is_called(client, services, model):
    stream_with(services)

    assert called(client, model, streamed=True) == ("{}", "tool_calls")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "tool_call_id": "t1", "content": "It is forbidden."},
        {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "forbidden"}]},
        {"role": "assistant", "tool_calls": [call('{"text": "\\u0066orbidden"}')]},
        {"role": "assistant", "tool_calls": [call("no JSON, but forbidden")]},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": {"forbidden": 1}}}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": '["forbidden"]'}},
        {"role": "assistant", "content": "x", "reasoning_content": "Is it forbidden?"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "It is forbidden."}]},
    ],
)
def test_what_was_called_and_given_before_is_checked(client, services, message):
    answer = client.chat.completions.create(model="own", messages=[message])

    assert answer.choices[0].message.content == BLOCKED["INPUT"]
    assert "own" not in services.received


def test_what_was_called_before_is_masked_and_otherwise_as_it_was(client, services):
    say(services, "ok")
    plain, mail = '{ "n": 1 }', '{"to": "a@b.c"}'
    messages = [
        {"role": "assistant", "tool_calls": [call(plain), call(mail)]},
        {"role": "tool", "tool_call_id": "t1", "content": '{"sent": "a@b.c"}'},
    ]

    client.chat.completions.create(model="own", messages=messages)

    assistant, tool = services.received["own"][0].body["messages"]
    made = [call["function"]["arguments"] for call in assistant["tool_calls"]]
    assert made == [plain, '{"to":"{EMAIL}"}']
    assert tool["content"] == '{"sent": "{EMAIL}"}'


@pytest.mark.parametrize("depth", [200, 500, 1000])
def test_arguments_of_any_depth_are_checked(client, services, depth):
    deep = '{"a":' * depth + '"forbidden"' + "}" * depth
    message = {"role": "assistant", "tool_calls": [call(deep)]}

    answer = client.chat.completions.create(model="own", messages=[message])

    assert answer.choices[0].message.content == BLOCKED["INPUT"]
