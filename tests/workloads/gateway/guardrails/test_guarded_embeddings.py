"""Texts to be embedded, behind a guardrail: by own models and by Bedrock's."""

import openai
import pytest

from tests.workloads.gateway.everywhere import openai_embeddings
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import Answer
from tests.workloads.gateway.guardrails.conftest import STRICT, TITAN, checked

EMBEDDERS = {"own": "own", "endpoint": "tiny-llama", "titan": TITAN}


@pytest.fixture(autouse=True)
def vectors(services):
    services.answer("own", body=openai_embeddings([[0.5]] * 2))
    services.answer("tiny-llama", body=openai_embeddings([[0.5]] * 2))
    services.answers[TITAN] = Answer(body={"embedding": [0.5]})


@pytest.mark.parametrize("model", EMBEDDERS)
def test_texts_are_masked_before_they_are_embedded(client, services, model):
    client.embeddings.create(model=model, input=["Hello", "Mail a@b.c"])

    assert checked(services) == [("INPUT", ["Hello", "Mail a@b.c"])]
    received = [r.body for r in services.received[EMBEDDERS[model]]]
    given = sorted(r["inputText"] for r in received) if model == "titan" else received[0]["input"]
    assert given == ["Hello", "Mail {EMAIL}"]


@pytest.mark.parametrize("model", EMBEDDERS)
def test_a_text_that_may_not_be_embedded_is_refused_with_the_guardrails_words(
    client, services, model
):
    with pytest.raises(openai.BadRequestError, match=BLOCKED["INPUT"]) as caught:
        client.with_options(api_key=STRICT).embeddings.create(model=model, input="forbidden")

    assert caught.value.code == "content_filter"
    assert EMBEDDERS[model] not in services.received


@pytest.mark.parametrize("body", [{"input": [[1, 2]]}, {"input": [1]}, {"messages": []}])
def test_what_cannot_be_checked_is_not_embedded(client, services, body):
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="own", input=body.get("input", "x"), extra_body=body)

    assert "own" not in services.received


@pytest.mark.parametrize("model", EMBEDDERS)
def test_without_its_guardrail_nothing_is_embedded(client, services, model):
    services.answers["guardrail gr-1"] = Answer(status=500)

    with pytest.raises(openai.InternalServerError, match="guardrail"):
        client.embeddings.create(model=model, input="x")

    assert EMBEDDERS[model] not in services.received
