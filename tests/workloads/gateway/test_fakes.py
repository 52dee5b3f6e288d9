"""The fakes against the real SDK: what they send is what AWS's own client understands."""

import boto3
import pytest
from botocore.exceptions import EventStreamError

from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.fakes import (
    converse_answer,
    converse_stream,
    event,
    exception,
    openai_completion,
)

KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-2"}
QUESTION = [{"role": "user", "content": [{"text": "Hi"}]}]


def test_boto3_understands_the_fake_bedrock(services):
    bedrock = boto3.client("bedrock-runtime", endpoint_url=services.url, **KEYS)
    services.answer("nova:0", body=converse_answer({"text": "Hello"}))
    answer = bedrock.converse(modelId="nova:0", messages=QUESTION)
    assert answer["output"]["message"]["content"] == [{"text": "Hello"}]

    services.answer("nova:0", *converse_stream(["Hel", "lo"]))
    stream = bedrock.converse_stream(modelId="nova:0", messages=QUESTION)["stream"]
    events = list(stream)
    texts = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert texts == ["Hel", "lo"]
    assert events[-1]["metadata"]["usage"]["totalTokens"] == 5

    services.answer("nova:0", exception("throttlingException", "slow down"))
    stream = bedrock.converse_stream(modelId="nova:0", messages=QUESTION)["stream"]
    with pytest.raises(EventStreamError, match="slow down"):
        list(stream)


@pytest.mark.parametrize(
    ("text", "action", "said"),
    [
        ("Hello", "NONE", []),
        ("forbidden", "GUARDRAIL_INTERVENED", [BLOCKED["INPUT"]]),
        ("a.b@example.com", "GUARDRAIL_INTERVENED", ["{EMAIL}"]),
    ],
)
def test_boto3_understands_the_fake_guardrail(services, text, action, said):
    bedrock = boto3.client("bedrock-runtime", endpoint_url=services.url, **KEYS)

    answer = bedrock.apply_guardrail(
        guardrailIdentifier="gr-1",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": text}}],
    )

    assert answer["action"] == action
    assert [output["text"] for output in answer["outputs"]] == said
    assert len(answer["assessments"]) == len(said)


def test_boto3_understands_the_fake_sagemaker(services):
    sagemaker = boto3.client("sagemaker-runtime", endpoint_url=services.url, **KEYS)
    services.answer("tiny", body=openai_completion("Hello"))
    assert b"Hello" in sagemaker.invoke_endpoint(EndpointName="tiny", Body=b"{}")["Body"].read()

    services.answer("tiny", event("PayloadPart", b"data: x"), event("PayloadPart", b"\n\n"))
    answer = sagemaker.invoke_endpoint_with_response_stream(EndpointName="tiny", Body=b"{}")
    parts = [part["PayloadPart"]["Bytes"] for part in answer["Body"]]
    assert b"".join(parts) == b"data: x\n\n"
