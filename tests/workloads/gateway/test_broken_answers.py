"""Answers that break off or never begin, as the unmodified openai client is told of them."""

import json

import openai
import pytest

from tests.workloads.gateway.everywhere import ASKED, NOVA, parts, stream_error
from tests.workloads.gateway.fakes import (
    Cut,
    converse_stream,
    event,
    exception,
    openai_chunk,
    openai_stream,
    sse,
)

START = converse_stream(["Der "])[:2]
STOP = event("messageStop", {"stopReason": "end_turn"})
BAD = bytearray(converse_stream(["Fuchs"])[1])
BAD[20] ^= 1


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([*START, exception("throttlingException", "Too many tokens")], "Too many tokens"),
        ([*START, exception("modelStreamErrorException", "oops")], "oops"),
        ([b"".join(START) + exception("internalServerException", "oops")], "oops"),
        ([*START, bytes(BAD)], "unknown form"),
        ([b"".join(START) + bytes(BAD)], "unknown form"),
        ([b"".join(START) + event("contentBlockDelta", {"delta": 5})], "unknown form"),
        ([b"".join(START) + event("contentBlockDelta", [])], "unknown form"),
        ([*START, event("contentBlockDelta", {"delta": 5})], "unknown form"),
        (START, "broke off"),
        ([*START, STOP], "broke off"),  # without what is billed
        ([*START, STOP, converse_stream([])[-1][:50]], "broke off"),
        ([*START, converse_stream(["Fuchs"])[1][:50]], "broke off"),
        ([*START, Cut()], "broke off"),
    ],
)
def test_an_error_after_content_is_an_error_in_the_stream(client, services, steps, message):
    services.answer(NOVA, *steps)

    text, error = stream_error(client, "nova")

    assert text == "Der "
    assert message in error.message


@pytest.mark.parametrize(
    ("model", "who", "steps"),
    [("nova", NOVA, converse_stream(["Der "])), ("own", "own", openai_stream(["Der "]))],
)
def test_a_connection_that_is_cut_after_everything_was_said_spoils_nothing(
    client, services, model, who, steps
):
    services.answer(who, *steps, Cut())

    chunks = list(client.chat.completions.create(model=model, messages=ASKED, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Der "


def test_a_failing_stream_never_says_done(gateway, services, http):
    services.answer(NOVA, *START, exception("throttlingException", "x"))

    answer = http.post(
        "/v1/chat/completions", json={"model": "nova", "messages": ASKED, "stream": True}
    )

    assert answer.status_code == 200
    last = answer.text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "rate_limit_exceeded"
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("model", ["gone", "endpoint"])
def test_servers_failing_after_content(client, services, model):
    begin = openai_chunk({"content": "Der "})
    failing = sse(begin, {"error": {"message": "out of memory"}})
    services.answer("tiny-llama", *parts(failing))
    if model == "gone":
        with pytest.raises(openai.InternalServerError, match="cannot be reached"):
            client.chat.completions.create(model=model, messages=ASKED, stream=True)
        return

    text, error = stream_error(client, model)

    assert text == "Der "
    assert "out of memory" in error.message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "status", "raised"),
    [
        ("ValidationException", 400, openai.BadRequestError),
        ("ResourceNotFoundException", 404, openai.NotFoundError),
        ("ThrottlingException", 429, openai.RateLimitError),
        ("AccessDeniedException", 403, openai.InternalServerError),
        ("ServiceUnavailableException", 503, openai.InternalServerError),
    ],
)
def test_an_error_instead_of_an_answer_is_an_http_error(
    client, services, stream, name, status, raised
):
    services.answer(
        NOVA,
        status=status,
        headers={"x-amzn-errortype": f"{name}:http://internal/", "retry-after": "7"},
        body={"message": "model arn:aws:bedrock:us-east-2:111122223333:x failed"},
    )

    with pytest.raises(raised) as caught:
        client.chat.completions.create(model="nova", messages=ASKED, stream=stream)

    assert "111122223333" not in caught.value.response.text
    assert "Traceback" not in caught.value.response.text
    if status in (429, 503):
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "steps",
    [
        [exception("throttlingException", "slow")],
        [START[0], exception("throttlingException", "slow")],
    ],
)
def test_an_exception_before_content_is_an_http_error(client, services, steps):
    services.answer(NOVA, *steps)

    with pytest.raises(openai.RateLimitError, match="slow"):
        client.chat.completions.create(model="nova", messages=ASKED, stream=True)


def test_an_error_of_the_container_keeps_its_status_and_reason(client, services):
    original = json.dumps({"error": {"message": "context is 2048 tokens", "code": 400}})
    services.answer(
        "tiny-llama",
        status=424,
        headers={"x-amzn-errortype": "ModelError"},
        body={"OriginalStatusCode": 400, "OriginalMessage": original, "Message": "x"},
    )

    with pytest.raises(openai.BadRequestError, match="context is 2048 tokens"):
        client.chat.completions.create(model="endpoint", messages=ASKED)
