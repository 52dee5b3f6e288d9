"""Translated answers, read by the types of the openai client."""

import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.workloads.gateway.fakes import converse_answer, usage
from workloads.gateway.surfaces.chat_response import ChunkWriter, completion

REASONS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("tool_use", "tool_calls"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("guardrail_intervened", "content_filter"),
    ("content_filtered", "content_filter"),
    ("malformed_model_output", "stop"),
]


HEAD = {"id": "chatcmpl-7", "created": 1_795_000_000, "model": "nova"}


def completed(*blocks: dict, **more) -> ChatCompletion:
    answer = converse_answer(*blocks, **more)
    return ChatCompletion.model_validate_json(completion([answer], **HEAD), strict=True)


def streamed(*events: tuple[str, dict], include_usage: bool = False) -> list[ChatCompletionChunk]:
    writer = ChunkWriter(**HEAD, include_usage=include_usage)
    text = b"".join(writer.write(kind, event) for kind, event in events).decode()
    return [
        ChatCompletionChunk.model_validate(json.loads(line.removeprefix("data: ")))
        for line in text.split("\n\n")[:-1]
    ]


def delta(block: int, **content) -> tuple[str, dict]:
    return "contentBlockDelta", {"contentBlockIndex": block, "delta": content}


def tool(block: int, id: str, name: str) -> tuple[str, dict]:
    start = {"toolUse": {"toolUseId": id, "name": name}}
    return "contentBlockStart", {"contentBlockIndex": block, "start": start}


def stop(block: int) -> tuple[str, dict]:
    return "contentBlockStop", {"contentBlockIndex": block}


def test_text_and_usage_of_an_answer():
    answer = completed(
        {"text": "Grüß "}, {"text": "Gott 🦊"}, tokens=usage(10, 4, cacheReadInputTokens=6)
    )

    assert (answer.id, answer.model, answer.created) == ("chatcmpl-7", "nova", 1_795_000_000)
    assert answer.choices[0].message.content == "Grüß Gott 🦊"
    assert answer.usage.prompt_tokens == 16
    assert answer.usage.prompt_tokens_details.cached_tokens == 6
    assert answer.usage.total_tokens == 20


def test_tool_calls_of_an_answer():
    answer = completed(
        {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Köln"}}},
        {"toolUse": {"toolUseId": "t2", "name": "now", "input": {}}},
        stop="tool_use",
    )

    [choice] = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls]
    assert calls == [("t1", "get_weather", '{"city":"Köln"}'), ("t2", "now", "{}")]


@pytest.mark.parametrize(("bedrock", "openai"), REASONS)
def test_finish_reasons(bedrock, openai):
    assert completed({"text": "x"}, stop=bedrock).choices[0].finish_reason == openai
    [_, chunk] = streamed(("messageStop", {"stopReason": bedrock}))
    assert chunk.choices[0].finish_reason == openai


def test_reasoning_is_apart_from_the_content():
    answer = completed({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "Yes"})
    assert answer.choices[0].message.content == "Yes"
    assert answer.choices[0].message.reasoning_content == "Hm."

    _, thought, text = streamed(
        delta(0, reasoningContent={"text": "Hm."}),
        delta(0, reasoningContent={"signature": "abc"}),
        delta(1, text="Yes"),
    )
    assert (thought.choices[0].delta.reasoning_content, thought.choices[0].delta.content) == (
        "Hm.",
        None,
    )
    assert text.choices[0].delta.content == "Yes"


def test_nothing_is_written_before_the_first_content():
    writer = ChunkWriter(**HEAD, include_usage=False)

    assert writer.write("messageStart", {"role": "assistant"}) == b""
    assert writer.write("somethingNew", {}) == b""
    assert writer.write(*delta(0, text="x")) != b""


def test_a_stream_of_text():
    chunks = streamed(
        ("messageStart", {"role": "assistant"}),
        delta(0, text="Grüß "),
        delta(0, text='"Gott"\n🦊'),
        stop(0),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage(3, 2)}),
    )

    assert [chunk.choices[0].delta.content for chunk in chunks] == [
        "",
        "Grüß ",
        '"Gott"\n🦊',
        None,
    ]
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", None, None, None]
    assert {(c.id, c.model, c.object) for c in chunks} == {
        ("chatcmpl-7", "nova", "chat.completion.chunk")
    }


def test_usage_is_one_more_chunk_without_choices_where_it_is_wanted():
    events = [
        delta(0, text="x"),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage(3, 2)}),
    ]

    without = streamed(*events)
    *others, last = streamed(*events, include_usage=True)

    assert all(chunk.choices for chunk in without)
    assert last.choices == []
    assert last.usage.total_tokens == 5
    assert all(chunk.usage is None for chunk in others)


def test_tool_calls_count_from_zero_wherever_their_blocks_are():
    chunks = streamed(
        delta(0, text="Let me see."),
        stop(0),
        tool(1, "t1", "get_weather"),
        delta(1, toolUse={"input": ""}),
        delta(1, toolUse={"input": '{"ci'}),
        delta(1, toolUse={"input": 'ty":"Bonn"}'}),
        stop(1),
        tool(2, "t2", "now"),
        stop(2),
        ("messageStop", {"stopReason": "tool_use"}),
    )

    calls: dict[int, list] = {}
    for chunk in chunks:
        for call in chunk.choices[0].delta.tool_calls or []:
            seen = calls.setdefault(call.index, [call.id, call.function.name, ""])
            seen[2] += call.function.arguments
    assert calls == {0: ["t1", "get_weather", '{"city":"Bonn"}'], 1: ["t2", "now", "{}"]}


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("contentBlockDelta", {"delta": {"text": "x"}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{"}}}),
        ("messageStop", []),
    ],
)
def test_an_event_of_another_form_is_an_error_the_backend_knows(kind, event):
    with pytest.raises((KeyError, TypeError, AttributeError)):
        ChunkWriter(**HEAD, include_usage=False).write(kind, event)
