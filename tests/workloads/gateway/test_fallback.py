"""Models that fail: who answers instead, and who is left alone for a while."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.everywhere import ASKED, PROFILE, parts, stream_error
from tests.workloads.gateway.fakes import (
    Answer,
    Gate,
    converse_stream,
    exception,
    openai_chunk,
    openai_completion,
    openai_stream,
    sse,
)
from workloads.gateway.resilience import FAILURES_TO_OPEN

START = converse_stream(["Der "])[:2]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "failure",
    [
        {"status": 429, "headers": {"x-amzn-errortype": "ThrottlingException"}},
        {"status": 503, "headers": {"x-amzn-errortype": "ServiceUnavailableException"}},
    ],
)
def test_a_throttled_or_unavailable_model_falls_back(client, services, stream, failure):
    services.answer(PROFILE, body={"message": "x"}, **failure)
    services.answer("own", status=503, body={"error": {"message": "loading"}})
    steps = parts(openai_stream(["fallen back"]))
    services.answer("tiny-llama", *(steps if stream else []), body=openai_completion("fallen back"))

    raw = client.chat.completions.with_raw_response.create(
        model="profile", messages=ASKED, stream=stream
    )

    assert raw.headers["x-gateway-model"] == "endpoint"
    if stream:
        text = "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices)
    else:
        text = raw.parse().choices[0].message.content
    assert text == "fallen back"
    assert [len(services.received[who]) for who in (PROFILE, "own", "tiny-llama")] == [1, 1, 1]


def test_a_stream_that_fails_before_content_falls_back(client, services):
    services.answer(PROFILE, START[0], exception("serviceUnavailableException", "x"))
    services.answer("own", *openai_stream(["fallen back"]))

    chunks = client.chat.completions.create(model="profile", messages=ASKED, stream=True)

    assert "".join(c.choices[0].delta.content for c in chunks if c.choices) == "fallen back"


def test_a_redirection_is_not_followed(client, services):
    services.answer("own", status=307, headers={"location": "/v1/chat/completions?again"})
    services.answer("tiny-llama", body=openai_completion("fallen back"))

    answer = client.chat.completions.create(model="own", messages=ASKED)

    assert answer.choices[0].message.content == "fallen back"
    assert len(services.received["own"]) == 1


def test_a_request_at_fault_does_not_fall_back(client, services):
    headers = {"x-amzn-errortype": "ValidationException"}
    services.answer(PROFILE, status=400, headers=headers, body={"message": "bad"})

    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="profile", messages=ASKED)

    assert "own" not in services.received


def test_a_backend_that_recovers_is_asked_again(client, services):
    unwell = [
        Answer(status=503, body={"error": {"message": "loading"}}),
        Answer(status=429, body={"error": {"message": "busy"}}),
    ]
    services.answers["own"] = [*unwell, Answer(body=openai_completion("Hello"))]
    services.answer("tiny-llama", status=503, body={"message": "x"})

    raw = client.chat.completions.with_raw_response.create(model="own", messages=ASKED)

    assert raw.headers["x-gateway-model"] == "own"
    assert [len(services.received[who]) for who in ("own", "tiny-llama")] == [3, 2]


@pytest.fixture(scope="module")
def fragile(start_gateway, services):
    """A client of a gateway whose models have little patience, or little room, or are gone."""
    own = f'openai = "{services.url}/v1"'
    models = {"hurried": f"{own}\ndeadline = 1", "narrow": f"{own}\nconcurrency = 1"}
    models["down"] = 'openai = "http://127.0.0.1:9/v1"'
    models["silent"] = f"{own}\ndeadline = 1"
    text = "".join(f'[[models]]\nname = "{name}"\n{keys}\n' for name, keys in models.items())
    gateway = start_gateway(f'{text}[[tenants]]\nname = "a"\nkey_sha256 = "{sha256(KEY)}"\n')
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_an_answer_has_a_deadline(fragile, services):
    gate = Gate()
    services.answer("hurried", gate, b"")
    with pytest.raises(openai.InternalServerError, match="within 1 s") as caught:
        fragile.chat.completions.create(model="hurried", messages=ASKED)
    services.answer("hurried", *sse(openai_chunk({"content": "Der "})), gate, b"")
    for _ in range(FAILURES_TO_OPEN):
        with contextlib.suppress(openai.InternalServerError):  # so busy that it had not begun
            text, error = stream_error(fragile, "hurried")
            break
    gate.open()

    assert caught.value.status_code == 504
    assert text == "Der "
    assert "within 1 s" in error.message


def test_a_model_gets_no_more_requests_than_it_takes_at_a_time(fragile, services):
    gate = Gate()
    first, *rest = openai_stream(["Hello"], "narrow")
    services.answer("narrow", first, gate, *rest)
    stream = iter(fragile.chat.completions.create(model="narrow", messages=ASKED, stream=True))
    next(stream)

    with pytest.raises(openai.RateLimitError, match="as many requests as it may") as caught:
        fragile.chat.completions.create(model="narrow", messages=ASKED)
    assert caught.value.response.headers["retry-after"] == "1"
    gate.open()
    assert [c.choices[0].delta.content for c in stream if c.choices] == ["Hello"]

    services.answer("narrow", body=openai_completion("Hello"))
    assert fragile.chat.completions.create(model="narrow", messages=ASKED).choices


def test_a_backend_that_is_gone_is_left_alone_after_a_while(fragile):
    errors = []
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(openai.InternalServerError) as caught:
            fragile.chat.completions.create(model="down", messages=ASKED)
        errors.append(caught.value)
        if "again and again" in caught.value.message:
            break

    assert "cannot be reached" in errors[0].message
    assert "again and again" in errors[-1].message
    assert int(errors[-1].response.headers["retry-after"]) >= 1


def test_a_backend_that_never_answers_is_left_alone_after_a_while(fragile, services):
    services.answer("silent", Gate(), b"")

    def ask(_: int) -> str:
        with pytest.raises(openai.InternalServerError) as caught:
            fragile.chat.completions.create(model="silent", messages=ASKED)
        return caught.value.message

    with ThreadPoolExecutor(FAILURES_TO_OPEN) as clients:
        assert all("within 1 s" in message for message in clients.map(ask, range(FAILURES_TO_OPEN)))

    assert "again and again" in ask(0)
    assert services.next_aborted() == "silent"
