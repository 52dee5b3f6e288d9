"""Streams of own models behind a guardrail, held back or cut off."""

import openai
import pytest

from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import Answer, Cut, Gate, event, openai_chunk, openai_stream, sse
from tests.workloads.gateway.guardrails.conftest import OWN, ask, checked, stream, told


@pytest.mark.parametrize("model", OWN)
def test_nothing_is_streamed_before_it_was_checked(client, services, model):
    gate = Gate()
    words = [f"word{number} " for number in range(40)]
    chunks = openai_stream([*words[:30], "forbidden ", *words[30:]])
    steps = [*chunks[:30], gate, *chunks[30:]]
    services.answer("own", *steps)
    services.answer("tiny-llama", *(s if s is gate else event("PayloadPart", s) for s in steps))

    stream = ask(client, model, stream=True, stream_options={"include_usage": True})
    first = next(
        chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content
    )
    gate.open()
    texts, reasons, counted = told(stream)

    assert first == "".join(words)[: len(first)]  # the first piece, and only whole words
    assert first.endswith(" ")
    assert texts[-1] == BLOCKED["OUTPUT"]
    assert "forbidden" not in "".join(texts)
    assert reasons == ["content_filter"]
    assert counted == [(4, 3)]  # the answer was read to its end, where its usage stands


@pytest.mark.parametrize("model", OWN)
def test_what_is_masked_in_a_stream_may_come_in_any_pieces(client, services, model):
    stream(services, "Write to a.b", "@exam", "ple.com", " today!")

    texts, reasons, _ = told(ask(client, model, stream=True))

    assert "".join(texts) == "Write to {EMAIL} today!"
    assert reasons == ["stop"]


@pytest.mark.parametrize("model", OWN)
def test_an_asynchronous_guardrail_delays_nothing_and_masks_nothing(async_client, services, model):
    stream(services, "Write to ", "a.b@example.com", " today!")

    texts, reasons, _ = told(ask(async_client, model, stream=True))

    assert texts == ["Write to ", "a.b@example.com", " today!"]
    assert reasons == ["stop"]
    assert checked(services, "gr-async")[1] == ("OUTPUT", ["Write to a.b@example.com today!"])


@pytest.mark.parametrize("model", OWN)
def test_an_asynchronous_guardrail_ends_the_answer(async_client, services, model):
    stream(services, "Something ", "forbidden", ".")

    texts, reasons, _ = told(ask(async_client, model, stream=True))

    assert texts == ["Something ", "forbidden", ".", BLOCKED["OUTPUT"]]
    assert reasons == ["content_filter"]


def test_a_check_that_fails_inside_a_stream_ends_it_with_an_error(client, services):
    stream(services, "word " * 40, "more")
    fine = Answer(body={"action": "NONE", "outputs": [], "assessments": []})
    services.answers["guardrail gr-1"] = [fine, fine, Answer(status=500)]

    events = ask(client, "own", stream=True)
    with pytest.raises(openai.APIError, match="guardrail"):
        list(events)


@pytest.mark.parametrize("end", [Cut(), sse({"error": {"message": "out of memory"}})[0]])
def test_a_stream_that_breaks_is_an_error_behind_a_guardrail_too(client, services, end):
    services.answer("own", *sse(openai_chunk({"content": "word " * 40})), end)

    with pytest.raises(openai.APIError, match=r"broke off|out of memory"):
        list(ask(client, "own", stream=True))
