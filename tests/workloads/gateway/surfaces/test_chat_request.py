"""The translated request, held against the shapes of botocore's service model."""

import json

import botocore.session
import pytest
from botocore.validate import ParamValidator

from workloads.gateway.errors import ApiError
from workloads.gateway.surfaces.chat_request import converse_request

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
SPEC = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The weather of a city",
        "inputSchema": {"json": WEATHER["function"]["parameters"]},
    }
}
USER = {"role": "user", "content": "Hi"}
CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Köln"}'},
        },
        {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}},
    ],
}
RESULTS = [
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
]


@pytest.fixture(scope="module")
def shape():
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    return service.operation_model("ConverseStream").input_shape


@pytest.fixture
def converse(shape):
    def translate(messages, **body):
        request = converse_request({"messages": messages, **body})
        report = ParamValidator().validate({"modelId": "nova", **request}, shape)
        assert not report.has_errors(), report.generate_report()
        return request

    return translate


def test_system_and_developer_messages_become_the_system_prompt(converse):
    request = converse(
        [
            {"role": "system", "content": "Be kind."},
            USER,
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        ]
    )

    assert request == {
        "system": [{"text": "Be kind."}, {"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }


def test_turns_alternate_and_tool_results_are_the_users(converse):
    request = converse([USER, CALLS, *RESULTS, USER], tools=[WEATHER])

    uses = [
        {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Köln"}},
        {"toolUseId": "call_2", "name": "now", "input": {}},
    ]
    results = [
        {"toolUseId": "call_1", "content": [{"text": "rain"}]},
        {"toolUseId": "call_2", "content": [{"text": "noon"}]},
    ]
    assert request["messages"] == [
        {"role": "user", "content": [{"text": "Hi"}]},
        {"role": "assistant", "content": [{"toolUse": use} for use in uses]},
        {"role": "user", "content": [*({"toolResult": r} for r in results), {"text": "Hi"}]},
    ]


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpg", "gif", "webp"])
def test_an_image_is_taken_from_its_data_uri(converse, kind):
    part = {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,iVBORw0KGgo="}}

    request = converse([{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}])

    [_, block] = request["messages"][0]["content"]
    expected = "jpeg" if kind == "jpg" else kind
    assert block == {"image": {"format": expected, "source": {"bytes": "iVBORw0KGgo="}}}


def test_empty_text_is_left_out_because_converse_refuses_it(converse):
    request = converse(
        [
            {"role": "system", "content": ""},
            USER,
            {"role": "assistant", "content": " \n"},
            {"role": "user", "content": [{"type": "text", "text": ""}]},
            {"role": "tool", "tool_call_id": "call_1", "content": ""},
        ]
    )

    result = {"toolResult": {"toolUseId": "call_1", "content": []}}
    assert request == {"messages": [{"role": "user", "content": [{"text": "Hi"}, result]}]}


@pytest.mark.parametrize(
    ("body", "inference"),
    [
        ({"max_tokens": 5}, {"maxTokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"maxTokens": 7}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "topP": 0.5}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stopSequences": ["A", "B"]}),
    ],
)
def test_sampling_parameters(converse, body, inference):
    assert converse([USER], **body)["inferenceConfig"] == inference


def test_absent_and_null_parameters_are_not_sent(converse):
    nothing = dict.fromkeys(("max_tokens", "temperature", "top_p", "stop", "tools", "n"))

    assert converse([USER], **nothing) == converse([USER])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, {"tools": [SPEC]}),
        ({"tool_choice": "auto"}, {"tools": [SPEC]}),
        ({"tool_choice": "required"}, {"tools": [SPEC], "toolChoice": {"any": {}}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            {"tools": [SPEC], "toolChoice": {"tool": {"name": "get_weather"}}},
        ),
        ({"tool_choice": "none"}, None),
    ],
)
def test_tool_choice(converse, choice, expected):
    assert converse([USER], tools=[WEATHER], **choice).get("toolConfig") == expected


def test_a_tool_without_parameters_takes_an_empty_object(converse):
    tool = {"type": "function", "function": {"name": "now"}}

    [spec] = converse([USER], tools=[tool])["toolConfig"]["tools"]

    empty = {"type": "object", "properties": {}}
    assert spec == {"toolSpec": {"name": "now", "inputSchema": {"json": empty}}}


@pytest.mark.parametrize("body", [{}, {"tools": [WEATHER], "tool_choice": "none"}])
def test_tools_of_the_history_stay_declared_because_converse_demands_it(converse, body):
    request = converse([USER, CALLS, *RESULTS], **body)

    names = [tool["toolSpec"]["name"] for tool in request["toolConfig"]["tools"]]
    assert names == ["get_weather", "now"]
    assert "toolChoice" not in request["toolConfig"]


def test_a_schema_for_the_answer_and_the_effort_are_the_output_configuration(converse):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}

    request = converse([USER], response_format=form, reasoning_effort="minimal")

    output = request["outputConfig"]
    described = output["textFormat"]["structure"]["jsonSchema"]
    assert (json.loads(described["schema"]), described["name"]) == (schema, "place")
    assert output["effort"] == "low"
    assert "outputConfig" not in converse([USER], response_format={"type": "text"})


def test_a_marked_part_is_followed_by_a_cache_point(converse):
    marked = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}

    request = converse([{"role": "user", "content": [marked, {"type": "text", "text": "x"}]}])

    assert request["messages"][0]["content"] == [
        {"text": "long"},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "x"},
    ]


def call(**function) -> list[dict]:
    return [USER, {"role": "assistant", "tool_calls": [{"id": "c", "function": function}]}]


def part(**part) -> list[dict]:
    return [{"role": "user", "content": [part]}]


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"messages": ["hi"]}, "messages[0]", "not an object"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role", "'robot'"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages", "no text"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "neither"),
        ({"messages": part(type="input_audio")}, "messages[0].content[0]", "neither"),
        (
            {"messages": part(type="image_url", image_url={"url": "http://169.254.169.254/"})},
            "messages[0].content[0]",
            "nothing is fetched",
        ),
        (
            {"messages": part(type="image_url", image_url={"url": "data:image/bmp;base64,AA"})},
            "messages[0].content[0]",
            "data URI",
        ),
        ({"messages": [{"role": "tool"}]}, "messages[0].tool_call_id", "missing"),
        ({"messages": call(name="f")}, "messages[1].tool_calls[0]", "needs id"),
        ({"messages": call(name="f", arguments="{")}, "messages[1].tool_calls[0]", "JSON object"),
        ({"messages": call(name="f", arguments="[]")}, "messages[1].tool_calls[0]", "JSON object"),
        ({"messages": [{"role": "assistant", "tool_calls": {"a": 1}}]}, None, "not a list"),
        ({"tools": {"a": 1}}, "tools", "not a list"),
        ({"tools": [{"type": "custom"}]}, "tools[0]", "not a function"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice", "required"),
        ({"n": 9}, "n", "n must be"),
        ({"logprobs": True}, "logprobs", "no logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format", "must be text"),
        (
            {"messages": part(type="text", text="x", cache_control={"type": "always"})},
            "messages[0].content[0]",
            "ephemeral",
        ),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(body, param, words):
    with pytest.raises(ApiError) as caught:
        converse_request({"messages": [USER], **body})

    assert caught.value.status == 400
    assert words in caught.value.message
    assert param is None or caught.value.param == param


def test_only_tools_that_are_allowed_are_told_of():
    other = {"type": "function", "function": {"name": "other"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "other"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}

    request = converse_request(
        {"messages": [USER], "tools": [WEATHER, other], "tool_choice": choice}
    )

    assert [tool["toolSpec"]["name"] for tool in request["toolConfig"]["tools"]] == ["other"]
    assert request["toolConfig"]["toolChoice"] == {"any": {}}


def test_a_pdf_is_a_document():
    file = {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "Q1_report.pdf"}
    content = [{"type": "file", "file": file}, {"type": "text", "text": "What?"}]

    [turn] = converse_request({"messages": [{"role": "user", "content": content}]})["messages"]

    document = {"name": "Q1reportpdf", "format": "pdf", "source": {"bytes": "JVBERi0="}}
    assert turn["content"] == [{"document": document}, {"text": "What?"}]
