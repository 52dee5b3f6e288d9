"""Requests that went wrong anywhere in their depth: each is read, or refused as the client's."""

import copy
from typing import Any

import orjson
import pytest

from workloads.gateway.backends.openai_form import request_body
from workloads.gateway.errors import ApiError
from workloads.gateway.surfaces.chat import ChatCall
from workloads.gateway.surfaces.converse import ConverseCall
from workloads.gateway.surfaces.messages import MessagesCall
from workloads.gateway.surfaces.responses import ResponsesCall

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
IMAGE = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
CHAT = {
    "model": "nova",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi", **CACHED}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "t", "content": "1"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
            ],
        },
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
}
MESSAGES = {
    "model": "nova",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "Be brief.", **CACHED}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": IMAGE},
                {
                    "type": "document",
                    "title": "A (b).pdf",
                    "source": {**IMAGE, "media_type": "application/pdf"},
                    "citations": {"enabled": True},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "c2ln"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "1"}],
                }
            ],
        },
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, **CACHED}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
    "stop_sequences": ["x"],
}
RESPONSES = {
    "model": "nova",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Be kind."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hi"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "t", "output": "1"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}},
    "reasoning": {"effort": "low"},
    "max_output_tokens": 5,
    "store": False,
}
CONVERSE = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "Hi"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}]}}],
        },
    ],
    "inferenceConfig": {"maxTokens": 5},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"any": {}},
    },
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}'}},
        }
    },
    "additionalModelRequestFields": {"tool_choice": {"disable_parallel_tool_use": True}},
}
CALLS = {
    "chat": (CHAT, ChatCall),
    "messages": (MESSAGES, MessagesCall),
    "responses": (RESPONSES, ResponsesCall),
    "converse": (CONVERSE, lambda body: ConverseCall("nova", body, stream=False)),
}
WRONG = (None, True, -1, 1e300, "", "x", [], {}, [[]], [None], {"x": 1})


def as_converse(call) -> bytes:
    return orjson.dumps(call.converse_request())


def as_chat(call) -> bytes:
    return request_body(call, "own")


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The path to everything inside."""
    if not isinstance(value, dict | list):
        return []
    found = []
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        found += [(*path, key), *places(child, (*path, key))]
    return found


@pytest.mark.parametrize("surface", CALLS)
def test_the_whole_request_is_read(surface):
    body, call = CALLS[surface]

    assert call(body).converse_request()["messages"]
    if surface != "messages":  # a document is beyond OpenAI's form
        assert orjson.loads(request_body(call(body), "own"))["messages"]


@pytest.mark.parametrize("surface", CALLS)
def test_nothing_in_a_request_breaks_the_gateway(surface):
    valid, call = CALLS[surface]
    for *path, last in places(valid):
        for wrong in (*WRONG, "gone"):
            body = copy.deepcopy(valid)
            target = body
            for key in path:
                target = target[key]
            if wrong == "gone":
                del target[last]
            else:
                target[last] = wrong
            for read in (as_converse, as_chat):
                try:
                    read(call(body))
                except ApiError as error:
                    assert 400 <= error.status < 500
