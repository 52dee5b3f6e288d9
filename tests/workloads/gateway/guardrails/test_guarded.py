"""Own models behind a guardrail: from OpenAI's client, through the real process, over sockets."""

import openai
import pytest

from tests.workloads.gateway.everywhere import BACKENDS
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import Answer, openai_chunk, openai_completion, sse
from tests.workloads.gateway.guardrails.conftest import OWN, ask, checked, say, stream, told


@pytest.mark.parametrize("model", OWN)
def test_questions_and_answers_are_checked(client, services, model):
    say(services, "A harmless answer.")

    answer = ask(client, model)

    assert answer.choices[0].message.content == "A harmless answer."
    assert answer.choices[0].finish_reason == "stop"
    assert checked(services) == [("INPUT", ["Hello?"]), ("OUTPUT", ["A harmless answer."])]
    received = services.received["guardrail gr-1"][0]
    assert received.path == "/guardrail/gr-1/version/3/apply"
    assert "/us-east-2/bedrock/aws4_request" in received.headers["authorization"]


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_question_that_may_not_be_asked_reaches_no_model(client, services, model, streamed):
    options = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}

    answer = ask(client, model, "Tell me something forbidden.", **options)

    if streamed:
        assert told(answer) == ([BLOCKED["INPUT"]], ["content_filter"], [(0, 0)])
    else:
        assert answer.choices[0].message.content == BLOCKED["INPUT"]
        assert answer.choices[0].finish_reason == "content_filter"
        assert answer.usage.total_tokens == 0
    assert BACKENDS[model] not in services.received


@pytest.mark.parametrize("model", OWN)
def test_an_answer_that_may_not_be_given_is_counted_all_the_same(client, services, model):
    say(services, "Something forbidden.")

    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Hello?"}]
    )

    [choice] = raw.parse().choices
    assert (choice.message.content, choice.finish_reason) == (BLOCKED["OUTPUT"], "content_filter")
    assert raw.parse().usage.completion_tokens == 3
    if model == "own":
        assert float(raw.headers["x-gateway-cost-usd"]) == pytest.approx((4 * 1 + 3 * 2) / 1e6)


@pytest.mark.parametrize("model", OWN)
def test_an_answer_is_masked(client, services, model):
    say(services, "Write to a.b@example.com!")

    assert ask(client, model).choices[0].message.content == "Write to {EMAIL}!"


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (Answer(status=429, headers={"x-amzn-errortype": "ThrottlingException"}), 429),
        (Answer(status=404, headers={"x-amzn-errortype": "ResourceNotFoundException"}), 502),
        (Answer(status=403, headers={"x-amzn-errortype": "AccessDeniedException"}), 502),
        (Answer(body=b"nonsense"), 502),
        (Answer(body={"action": "GUARDRAIL_INTERVENED"}), 502),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_without_its_guardrail_no_model_answers(client, services, failure, raised, streamed):
    services.answers["guardrail gr-1"] = failure

    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, "own", stream=streamed)

    assert caught.value.status_code == raised
    assert "own" not in services.received


@pytest.mark.parametrize("streamed", [False, True])
def test_a_text_that_is_none_is_not_passed_on(client, services, streamed):
    nonsense = openai_completion({"not": "a text"})
    services.answer("own", *(sse(openai_chunk({"content": ["no text"]})) if streamed else []))
    services.answers["own"].body = nonsense

    with pytest.raises(openai.InternalServerError, match=r"unknown form|no chunk"):
        ask(client, "own", stream=streamed)


@pytest.mark.parametrize("option", [{"n": 2}, {"logprobs": True}])
def test_what_cannot_be_checked_is_refused(client, services, option):
    with pytest.raises(openai.BadRequestError, match="guardrail"):
        ask(client, "own", **option)


def test_long_texts_are_checked_in_pieces_and_put_together_again(client, services):
    say(services, "ok")
    long = "word a.b@example.com " * 2000

    ask(client, "own", long)

    pieces = [texts for source, texts in checked(services) if source == "INPUT"]
    assert len(pieces) == 2
    assert "".join(text for texts in pieces for text in texts) == long
    _, message = services.received["own"][0].body["messages"]
    assert message["content"] == "word {EMAIL} " * 2000


@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_that_has_answered_is_not_asked_again_while_its_answer_waits(
    guarded, client, services, metric_of, streamed
):
    before = metric_of(guarded, "gateway_tokens_total", "everybody", "own", "output")
    if streamed:
        stream(services, "word " * 40)
    else:
        say(services, "An answer.")
    fine = Answer(body={"action": "NONE", "outputs": [], "assessments": []})
    throttled = Answer(
        status=429, headers={"x-amzn-errortype": "ThrottlingException", "retry-after": "7"}
    )
    services.answers["guardrail gr-1"] = [fine, throttled]

    with pytest.raises(openai.InternalServerError, match="guardrail") as caught:
        ask(client, "own", stream=streamed)

    assert caught.value.response.headers["retry-after"] == "7"
    assert len(services.received["own"]) == 1
    if not streamed:
        after = metric_of(guarded, "gateway_tokens_total", "everybody", "own", "output")
        assert after - before == 3
