"""Which guardrail is whose, and how each API's clients are told of it."""

import anthropic
import boto3
import pytest

from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import NOVA
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import converse_answer, converse_stream
from tests.workloads.gateway.guardrails.conftest import (
    ASYNC,
    OWN,
    STRICT,
    ask,
    checked,
    say,
    stream,
)


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
