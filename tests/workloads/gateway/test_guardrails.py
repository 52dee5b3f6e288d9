"""Own models behind a guardrail: from the SDKs' clients, through the real process, over sockets."""

import anthropic
import boto3
import openai
import pytest

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.everywhere import (
    BACKENDS,
    NOVA,
    call_tools_everywhere,
    parts,
)
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import (
    Answer,
    Cut,
    Gate,
    converse_answer,
    converse_stream,
    event,
    openai_chunk,
    openai_completion,
    openai_stream,
    sse,
)

OWN = ["own", "endpoint"]
ASYNC, STRICT = "sk-async", "sk-strict"


@pytest.fixture(scope="module")
def guarded(start_gateway, services):
    """A gateway with a guardrail for everybody, and tenants with one of their own."""
    tenants = {
        "everybody": (KEY, ""),
        "async": (ASYNC, '{ id = "gr-async", version = "1", stream_mode = "async" }'),
        "strict": (
            STRICT,
            '{ id = "arn:aws:bedrock:us-east-2:111122223333:guardrail/gr-s", version = "DRAFT" }',
        ),
    }
    rows = "".join(
        f'[[tenants]]\nname = "{name}"\nkey_sha256 = "{sha256(key)}"\n'
        + (f"guardrail = {guardrail}\n" if guardrail else "")
        for name, (key, guardrail) in tenants.items()
    )
    return start_gateway(
        f"""
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        price = {{ input = 1, output = 2 }}
        [[models]]
        name = "endpoint"
        sagemaker = "tiny-llama"
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        [guardrail]
        id = "gr-1"
        version = "3"
        {rows}"""
    )


@pytest.fixture(scope="module")
def client(guarded):
    with openai.OpenAI(
        base_url=f"{guarded.url}/v1", api_key=KEY, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture
def async_client(client):
    return client.with_options(api_key=ASYNC)


def ask(client, model, text="Hello?", **more):
    question = [{"role": "system", "content": "forbidden is fine here"}]
    question += [{"role": "user", "content": text}]
    return client.chat.completions.create(model=model, messages=question, **more)


def say(services, text: str) -> None:
    for model in OWN:
        services.answer(BACKENDS[model], body=openai_completion(text))


def stream(services, *texts: str) -> None:
    services.answer("own", *openai_stream(texts))
    services.answer("tiny-llama", *parts(openai_stream(texts)))


def told(chunks) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    """The texts, the finish reasons and the usage of a stream."""
    chunks = list(chunks)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    texts = [choice.delta.content for choice in choices if choice.delta.content]
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
    counted = [(c.usage.prompt_tokens, c.usage.completion_tokens) for c in chunks if c.usage]
    return texts, reasons, counted


def checked(services, guardrail="gr-1") -> list[tuple[str, list[str]]]:
    """What the guardrail was asked: the source, and the texts."""
    return [
        (r.body["source"], [block["text"]["text"] for block in r.body["content"]])
        for r in services.received.get(f"guardrail {guardrail}", [])
    ]


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
def test_a_question_is_masked_before_the_model_reads_it(client, services, model):
    say(services, "ok")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}

    ask(client, model, [{"type": "text", "text": "Write to a.b@example.com!"}, image])

    _, message = services.received[BACKENDS[model]][0].body["messages"]
    assert message["content"] == [{"type": "text", "text": "Write to {EMAIL}!"}, image]


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


def test_a_tenants_guardrail_overrides_the_files(client, services):
    arn = "arn:aws:bedrock:us-east-2:111122223333:guardrail/gr-s"
    say(services, "ok")
    services.answer(NOVA, body=converse_answer({"text": "ok"}))
    strict = client.with_options(api_key=STRICT)

    ask(strict, "own")
    ask(strict, "nova")

    assert len(checked(services, arn)) == 2
    assert checked(services) == []
    assert services.received[f"guardrail {arn}"][0].path.endswith("gr-s/version/DRAFT/apply")
    [received] = services.received[NOVA]
    assert received.body["guardrailConfig"] == {
        "guardrailIdentifier": arn,
        "guardrailVersion": "DRAFT",
    }


def test_no_client_takes_another_guardrail(guarded, services, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    bedrock = boto3.client("bedrock-runtime", endpoint_url=guarded.url, region_name="us-east-2")
    score = {"filters": [{"score": 0.123456789012, "action": "NONE"}]}
    grounding = {"gr-1": {"contextualGroundingPolicy": score}}
    details = {"guardrailArns": ["arn:aws:bedrock:us-east-2:111122223333:guardrail/gr-1"]}
    trace = {"guardrail": {"inputAssessment": grounding, "appliedGuardrailDetails": details}}
    services.answer(NOVA, body=converse_answer({"text": "ok"}) | {"trace": trace})

    answer = bedrock.converse(
        modelId="nova",
        messages=[{"role": "user", "content": [{"text": "Hello?"}]}],
        guardrailConfig={
            "guardrailIdentifier": "mine",
            "guardrailVersion": "1",
            "trace": "enabled",
        },
    )

    assert services.received[NOVA][0].body["guardrailConfig"] == {
        "guardrailIdentifier": "gr-1",
        "guardrailVersion": "3",
        "trace": "enabled",
    }
    assert "111122223333" not in str(answer)
    assert "0.123456789012" in str(answer["trace"])  # twelve digits, but no account


@pytest.mark.parametrize(("key", "mode"), [(KEY, "sync"), (ASYNC, "async")])
def test_bedrock_is_told_how_to_stream(client, services, key, mode):
    services.answer(NOVA, *converse_stream(["ok"]))

    list(ask(client.with_options(api_key=key), "nova", stream=True))

    assert services.received[NOVA][0].body["guardrailConfig"]["streamProcessingMode"] == mode


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_pass(client, services, model, streamed):
    call_tools_everywhere(services, stream=streamed)
    if streamed:
        with client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": "Weather?"}]
        ) as events:
            answer = events.get_final_completion()
        assert answer.choices[0].message.content == "Hm."
    else:
        answer = ask(client, model)

    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert "Köln" in call.function.arguments
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("model", OWN)
def test_every_client_is_told_in_its_own_way(guarded, services, model, monkeypatch):
    with anthropic.Anthropic(base_url=guarded.url, api_key=KEY, max_retries=0) as claude:
        question = [{"role": "user", "content": "Hello?"}]
        say(services, "Something forbidden.")
        message = claude.messages.create(model=model, max_tokens=9, messages=question)
        assert message.content[0].text == BLOCKED["OUTPUT"]
        assert (message.stop_reason, message.usage.output_tokens) == ("refusal", 3)
        for key, text in [(KEY, BLOCKED["OUTPUT"]), (ASYNC, "A forbidden." + BLOCKED["OUTPUT"])]:
            stream(services, "A forbidden", ".")
            with claude.with_options(api_key=key).messages.stream(
                model=model, max_tokens=9, messages=question
            ) as events:
                message = events.get_final_message()
            assert "".join(block.text for block in message.content) == text
            assert message.stop_reason == "refusal"

    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    bedrock = boto3.client("bedrock-runtime", endpoint_url=guarded.url, region_name="us-east-2")
    messages = [{"role": "user", "content": [{"text": "Hello?"}]}]
    say(services, "Something forbidden.")
    answer = bedrock.converse(modelId=model, messages=messages)
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["output"]["message"]["content"] == [{"text": BLOCKED["OUTPUT"]}]
    stream(services, "Something forbidden", ".")
    events = list(bedrock.converse_stream(modelId=model, messages=messages)["stream"])
    kinds = [kind for event in events for kind in event]
    assert kinds == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[-2]["messageStop"]["stopReason"] == "guardrail_intervened"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 3


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
