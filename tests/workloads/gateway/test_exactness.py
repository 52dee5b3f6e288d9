"""What the APIs promise beyond text: choices, citations, and words where there is no way."""

import openai
import pytest

from tests.workloads.gateway.everywhere import ASKED, NOVA, PROFILE, QUESTION
from tests.workloads.gateway.fakes import (
    Answer,
    Cut,
    Gate,
    converse_answer,
    converse_stream,
    event,
    usage,
)


def test_several_choices_are_several_answers(client, services):
    texts = ["one", "two", "three"]
    services.answers[NOVA] = [
        Answer(converse_answer({"text": text}, tokens=usage(4, number)))
        for number, text in enumerate(texts, 1)
    ]

    answer = client.chat.completions.create(model="nova", messages=ASKED, n=3)

    assert sorted(choice.message.content for choice in answer.choices) == sorted(texts)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 6)
    assert len(services.received[NOVA]) == 3


def test_several_choices_stream_side_by_side(client, services, metric):
    gate = Gate()
    first, second = converse_stream(["a", "b"], usage(4, 2)), converse_stream(["c"], usage(4, 1))
    services.answers[NOVA] = [
        Answer(steps=[*first[:2], gate, *first[2:]]),
        Answer(steps=second),
    ]
    tokens = metric("gateway_tokens_total", "team-a", "nova", "input")

    texts = {0: "", 1: ""}
    reasons, counted = {}, []
    for chunk in client.chat.completions.create(
        model="nova", messages=ASKED, n=2, stream=True, stream_options={"include_usage": True}
    ):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
                gate.open()  # one has ended while the other has not
        if chunk.usage:
            counted.append((chunk.usage.prompt_tokens, chunk.usage.completion_tokens))

    assert sorted(texts.values()) == ["ab", "c"]
    assert reasons == {0: "stop", 1: "stop"}
    assert counted == [(8, 3)]
    assert metric("gateway_tokens_total", "team-a", "nova", "input") == tokens + 8


def test_one_choice_that_fails_fails_them_all(client, services):
    refused = {"x-amzn-errortype": "ValidationException"}
    fine = Answer(converse_answer({"text": "one"}))
    services.answers[NOVA] = [fine, Answer({"message": "no"}, status=400, headers=refused)]
    with pytest.raises(openai.BadRequestError, match="no"):
        client.chat.completions.create(model="nova", messages=ASKED, n=2)

    cut = Answer(steps=[*converse_stream(["a"])[:2], Cut()])
    services.answers[NOVA] = [Answer(steps=converse_stream(["b"])), cut]
    with pytest.raises(openai.APIError, match="broke off"):
        list(client.chat.completions.create(model="nova", messages=ASKED, n=2, stream=True))


def test_of_choices_that_fail_those_that_were_told_are_charged(client, services, metric):
    throttled = {"x-amzn-errortype": "ThrottlingException"}
    fine = Answer(converse_answer({"text": "one"}, tokens=usage(4, 3)))
    services.answers[NOVA] = [fine, Answer({"message": "no"}, status=429, headers=throttled), fine]
    before = metric("gateway_tokens_total", "team-a", "nova", "output")

    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="nova", messages=ASKED, n=3)

    assert len(services.received[NOVA]) == 3  # once each: asked again, all of it would be billed
    assert metric("gateway_tokens_total", "team-a", "nova", "output") - before == 6


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"n": 0}, "n must be"),
        ({"n": 9}, "n must be"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"presence_penalty": 1.5}, "penalties"),
        ({"frequency_penalty": -1}, "penalties"),
        ({"functions": [{"name": "f"}]}, "as tools"),
        ({"modalities": ["text", "audio"], "audio": {}}, "modalities"),
        ({"web_search_options": {}}, "searches nothing"),
        ({"response_format": {"type": "json_object"}}, "no JSON mode"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(client, services, asked, words):
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        client.chat.completions.create(model="nova", messages=ASKED, **asked)
    assert caught.value.param in asked
    assert services.received == {}


def test_what_would_not_is_let_pass(client, services):
    services.answer(NOVA, body=converse_answer({"text": "ok"}))

    client.chat.completions.create(
        model="nova",
        messages=ASKED,
        seed=7,  # best effort, says OpenAI
        n=1,
        presence_penalty=0,
        logprobs=False,
        user="someone",
        metadata={"a": "b"},
        extra_body={"unheard_of": 5},
    )

    assert set(services.received[NOVA][0].body) - {"requestMetadata"} == {"messages"}


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_one_tool_at_a_time_is_asked_of_claude(client, services, choice, asked):
    for who in (PROFILE, NOVA):
        services.answer(who, body=converse_answer({"text": "ok"}))
    function = {"name": "f", "parameters": {"type": "object"}}

    for model in ("profile", "nova"):
        client.chat.completions.create(
            model=model,
            messages=ASKED,
            tools=[{"type": "function", "function": function}],
            tool_choice=choice,
            parallel_tool_calls=False,
            service_tier="flex",
        )

    [claude], [nova] = services.received[PROFILE], services.received[NOVA]
    more = {"tool_choice": {**asked, "disable_parallel_tool_use": True}}
    assert claude.body["additionalModelRequestFields"] == more
    assert "additionalModelRequestFields" not in nova.body
    assert nova.body["serviceTier"] == {"type": "flex"}


PLACES = {
    "documentChar": ("char_location", "char_index"),
    "documentPage": ("page_location", "page_number"),
    "documentChunk": ("content_block_location", "block_index"),
}


@pytest.mark.parametrize("place", PLACES)
def test_citations_of_documents(claude, client, services, place):
    cited = {
        "title": "Fable",
        "sourceContent": [{"text": "The fox "}, {"text": "is red."}],
        "location": {place: {"documentIndex": 1, "start": 2, "end": 5}},
    }
    nowhere = {"title": "Page", "location": {"web": {"url": "https://example.com"}}}
    block = {"content": [{"text": "It is red."}], "citations": [cited, nowhere]}
    services.answer(NOVA, body=converse_answer({"citationsContent": block}))
    kind, end = PLACES[place]

    message = claude.messages.create(model="nova", max_tokens=9, messages=ASKED)
    [text] = message.content
    [citation] = text.citations
    assert (text.text, citation.type, citation.document_title) == ("It is red.", kind, "Fable")
    assert (citation.cited_text, citation.document_index) == ("The fox is red.", 1)
    assert (getattr(citation, f"start_{end}"), getattr(citation, f"end_{end}")) == (2, 5)
    answer = client.chat.completions.create(model="nova", messages=ASKED)
    assert answer.choices[0].message.content == "It is red."
    assert client.responses.create(model="nova", input=QUESTION).output_text == "It is red."

    begin, said, *rest = converse_stream(["It is red."])
    delta = {"contentBlockIndex": 0, "delta": {"citation": cited}}
    services.answer(NOVA, begin, said, event("contentBlockDelta", delta), *rest)
    with claude.messages.stream(model="nova", max_tokens=9, messages=ASKED) as stream:
        [streamed] = stream.get_final_message().content
    assert streamed.text == "It is red."
    assert streamed.citations == [citation]


def test_citations_of_search_results(claude, services):
    cited = {
        "source": "https://example.com/fox",
        "sourceContent": [{"text": "red"}],
        "location": {"searchResultLocation": {"searchResultIndex": 2, "start": 0, "end": 1}},
    }
    block = {"content": [{"text": "Red."}], "citations": [cited]}
    services.answer(NOVA, body=converse_answer({"citationsContent": block}))

    message = claude.messages.create(model="nova", max_tokens=9, messages=ASKED)

    [citation] = message.content[0].citations
    assert (citation.type, citation.search_result_index) == ("search_result_location", 2)
    assert citation.source == "https://example.com/fox"
