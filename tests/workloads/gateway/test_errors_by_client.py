"""Errors as each of the unmodified clients raises them, before and after content."""

import anthropic
import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.workloads.gateway.everywhere import NOVA, QUESTION, parts, turn
from tests.workloads.gateway.fakes import Cut, converse_stream, exception, openai_chunk, sse


def ask(claude, model="nova", **more):
    question = [{"role": "user", "content": QUESTION}]
    return claude.messages.create(model=model, max_tokens=9, **{"messages": question, **more})


THROTTLED = {
    "status": 429,
    "headers": {"x-amzn-errortype": "ThrottlingException", "retry-after": "7"},
    "body": {"message": "slow down, arn:aws:bedrock:us-east-2:111122223333:x"},
}


FAILURES = [
    (THROTTLED, anthropic.RateLimitError, "rate_limit_error", "ThrottlingException", 429),
    (
        {
            "status": 503,
            "headers": {"x-amzn-errortype": "ServiceUnavailableException", "retry-after": "7"},
        },
        anthropic.APIStatusError,
        "overloaded_error",
        "ServiceUnavailableException",
        503,
    ),
    (
        {"status": 400, "headers": {"x-amzn-errortype": "ValidationException"}},
        anthropic.BadRequestError,
        "invalid_request_error",
        "ValidationException",
        400,
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("failure", "raised", "kind", "name", "status"), FAILURES)
def test_each_client_raises_its_own_error_before_content(
    claude, bedrock, services, stream, failure, raised, kind, name, status
):
    services.answer(NOVA, **failure)

    with pytest.raises(raised) as caught:
        ask(claude, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["request_id"] == caught.value.request_id
    assert "111122223333" not in str(caught.value.body)

    converse = bedrock.converse_stream if stream else bedrock.converse
    with pytest.raises(ClientError) as caught:
        converse(modelId="nova", messages=[turn({"text": "x"})])
    assert caught.value.response["Error"]["Code"] == name
    assert "111122223333" not in str(caught.value.response)
    if "retry-after" in failure["headers"]:
        headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["nova", "endpoint"])
@pytest.mark.parametrize("cut", [True, False])
def test_each_client_raises_its_own_error_after_content(claude, bedrock, services, model, cut):
    begin = openai_chunk({"content": "Der "})
    steps = converse_stream(["Der "])[:2]
    end = Cut() if cut else exception("throttlingException", "Too many tokens")
    services.answer(NOVA, *steps, end)
    failing = sse(begin) if cut else sse(begin, {"error": {"message": "out of memory"}})
    services.answer("tiny-llama", *parts(failing))
    text = ""

    with pytest.raises(anthropic.APIStatusError) as caught:
        for part in ask(claude, model, stream=True):
            if part.type == "content_block_delta":
                text += part.delta.text
    assert text == "Der "
    assert caught.value.body["type"] == "error"

    text = ""
    with pytest.raises(EventStreamError) as caught:
        answer = bedrock.converse_stream(modelId=model, messages=[turn({"text": "x"})])
        for part in answer["stream"]:
            if "contentBlockDelta" in part:
                text += part["contentBlockDelta"]["delta"]["text"]
    assert text == "Der "
    expected = "throttlingException" if model == "nova" and not cut else "modelStreamErrorException"
    assert caught.value.response["Error"]["Code"] == expected


def test_wrong_keys_and_models_are_each_clients_errors(gateway, claude, bedrock):
    with anthropic.Anthropic(base_url=gateway.url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            ask(stranger)
        with pytest.raises(anthropic.AuthenticationError):
            stranger.models.list()
    with pytest.raises(anthropic.NotFoundError, match="does not exist"):
        ask(claude, "gpt-x")
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId="gpt-x", messages=[turn({"text": "x"})])
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
