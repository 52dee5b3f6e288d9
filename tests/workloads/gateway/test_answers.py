"""Chat completions from the unmodified openai client, through the real process, over sockets."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import (
    Answer,
    Cut,
    Gate,
    converse_answer,
    converse_stream,
    event,
    exception,
    openai_chunk,
    openai_completion,
    openai_stream,
    sse,
    usage,
)
from workloads.gateway.resilience import FAILURES_TO_OPEN

NOVA = "amazon.nova-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.claude-v1:0"
QUESTION = [{"role": "user", "content": "Wie heißt der Fuchs? 🦊"}]
TEXTS = ["Der Fuchs ", "heißt „Renate“.\n", "🦊\u2028"]
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.fixture(scope="module")
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def parts(data: bytes, size: int = 7) -> list[bytes]:
    """Payload parts of `size` bytes: events, lines and letters are split over frames."""
    return [event("PayloadPart", data[i : i + size]) for i in range(0, len(data), size)]


def answer_everywhere(services) -> None:
    services.answer(NOVA, body=converse_answer({"text": "".join(TEXTS)}, tokens=usage(4, 3)))
    services.answer("own", body=openai_completion("".join(TEXTS)))
    services.answer("tiny-llama", body=openai_completion("".join(TEXTS), "tiny"))


def stream_everywhere(services) -> None:
    services.answer(NOVA, *converse_stream(TEXTS, usage(4, 3)))
    services.answer("own", *openai_stream(TEXTS))
    services.answer("tiny-llama", *parts(b"".join(openai_stream(TEXTS, "tiny"))))


@pytest.mark.parametrize("model", ["nova", "own", "endpoint"])
def test_every_kind_of_backend_answers(client, services, model):
    answer_everywhere(services)

    answer = client.chat.completions.create(model=model, messages=QUESTION)

    assert answer.choices[0].message.content == "".join(TEXTS)
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 3)
    assert answer._request_id.startswith("req_")


@pytest.mark.parametrize("model", ["nova", "own", "endpoint"])
@pytest.mark.parametrize("include_usage", [True, False])
def test_every_kind_of_backend_streams(client, services, model, include_usage):
    stream_everywhere(services)
    options = {"stream_options": {"include_usage": True}} if include_usage else {}

    chunks = list(
        client.chat.completions.create(model=model, messages=QUESTION, stream=True, **options)
    )

    contents = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(contents) == "".join(TEXTS)
    assert [text for text in contents if text] == TEXTS
    counted = [chunk.usage for chunk in chunks if not chunk.choices]
    assert [(u.prompt_tokens, u.completion_tokens) for u in counted] == [(4, 3)] * include_usage


def test_many_streams_of_an_async_client_do_not_mix(gateway, services):
    stream_everywhere(services)

    async def one(client, model):
        stream = await client.chat.completions.create(model=model, messages=QUESTION, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async def all():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as client:
            models = ["nova", "own", "endpoint"] * 8
            return await asyncio.gather(*(one(client, model) for model in models))

    assert set(asyncio.run(all())) == {"".join(TEXTS)}


def test_what_bedrock_is_asked(client, services):
    services.answer(PROFILE, body=converse_answer({"text": "x"}))
    services.answer(NOVA, body=converse_answer({"text": "x"}))

    answer = client.chat.completions.create(
        model="profile", messages=QUESTION, max_tokens=9, temperature=0.5, stop=["END"]
    )
    client.chat.completions.create(model="nova", messages=QUESTION)

    [received] = services.received[PROFILE]
    assert received.path == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-2%3A111122223333"
        "%3Ainference-profile%2Fus.claude-v1%3A0/converse"
    )
    assert received.body == {
        "messages": [{"role": "user", "content": [{"text": QUESTION[0]["content"]}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["END"]},
        "requestMetadata": {"tenant": "team-a", "request_id": answer._request_id},
    }
    assert received.headers["x-amz-security-token"] == "token"
    authorization = received.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-2/bedrock/aws4_request" in authorization
    [received] = services.received[NOVA]
    assert received.path == "/model/amazon.nova-lite-v1%3A0/converse"


def test_what_servers_are_asked(client, services):
    stream_everywhere(services)
    extra = {"top_k": 5}
    for model in ("own", "endpoint"):
        list(
            client.chat.completions.create(
                model=model, messages=QUESTION, stream=True, seed=7, extra_body=extra
            )
        )

    expected = {
        "messages": QUESTION,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 7,
        **extra,
    }
    [own] = services.received["own"]
    assert own.path == "/v1/chat/completions"
    assert own.body == {"model": "own", **expected}
    assert KEY not in str(own.headers)
    [endpoint] = services.received["tiny-llama"]
    assert endpoint.path == "/endpoints/tiny-llama/invocations-response-stream"
    assert endpoint.body == expected
    assert "/us-east-2/sagemaker/aws4_request" in endpoint.headers["authorization"]


def test_a_conversation_with_tools(client, services):
    use = {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Köln"}}
    services.answer(NOVA, body=converse_answer({"toolUse": use}, stop="tool_use"))
    messages = list(QUESTION)
    answer = client.chat.completions.create(model="nova", messages=messages, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Köln"}

    services.answer(NOVA, body=converse_answer({"text": "It rains."}))
    messages += [message, {"role": "tool", "tool_call_id": "t1", "content": "rain"}]
    answer = client.chat.completions.create(model="nova", messages=messages, tools=[WEATHER])

    assert answer.choices[0].message.content == "It rains."
    _, received = services.received[NOVA]
    assert received.body["messages"][1:] == [
        {"role": "assistant", "content": [{"toolUse": use}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "rain"}]}}],
        },
    ]


def test_streamed_tool_calls_are_assembled_by_the_client(client, services):
    start = {"toolUse": {"toolUseId": "t1", "name": "get_weather"}}
    pieces = ['{"city":', ' "Köln"}']
    services.answer(
        NOVA,
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hm."}}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": start}),
        *(
            event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": p}}})
            for p in pieces
        ),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage(1, 1)}),
    )

    with client.chat.completions.stream(model="nova", messages=QUESTION) as stream:
        final = stream.get_final_completion()

    [call] = final.choices[0].message.tool_calls
    assert (call.id, call.function.name) == ("t1", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Köln"}
    assert final.choices[0].message.content == "Hm."


def stream_error(client, model) -> tuple[str, openai.APIError]:
    """The text that came before the error, and the error inside the stream."""
    text = ""
    stream = client.chat.completions.create(model=model, messages=QUESTION, stream=True)
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert not isinstance(caught.value, openai.APIStatusError)
    return text, caught.value


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

    chunks = list(client.chat.completions.create(model=model, messages=QUESTION, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Der "


def test_a_failing_stream_never_says_done(gateway, services, http):
    services.answer(NOVA, *START, exception("throttlingException", "x"))

    answer = http.post(
        "/v1/chat/completions", json={"model": "nova", "messages": QUESTION, "stream": True}
    )

    assert answer.status_code == 200
    last = answer.text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "rate_limit_exceeded"
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("model", ["gone", "endpoint"])
def test_servers_failing_after_content(client, services, model):
    begin = openai_chunk({"content": "Der "})
    failing = sse(begin, {"error": {"message": "out of memory"}})
    services.answer("tiny-llama", *parts(b"".join(failing), 50))
    if model == "gone":
        with pytest.raises(openai.InternalServerError, match="cannot be reached"):
            client.chat.completions.create(model=model, messages=QUESTION, stream=True)
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
        client.chat.completions.create(model="nova", messages=QUESTION, stream=stream)

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
        client.chat.completions.create(model="nova", messages=QUESTION, stream=True)


def test_an_error_of_the_container_keeps_its_status_and_reason(client, services):
    original = json.dumps({"error": {"message": "context is 2048 tokens", "code": 400}})
    services.answer(
        "tiny-llama",
        status=424,
        headers={"x-amzn-errortype": "ModelError"},
        body={"OriginalStatusCode": 400, "OriginalMessage": original, "Message": "x"},
    )

    with pytest.raises(openai.BadRequestError, match="context is 2048 tokens"):
        client.chat.completions.create(model="endpoint", messages=QUESTION)


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
    steps = parts(b"".join(openai_stream(["fallen back"])))
    services.answer("tiny-llama", *(steps if stream else []), body=openai_completion("fallen back"))

    raw = client.chat.completions.with_raw_response.create(
        model="profile", messages=QUESTION, stream=stream
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

    chunks = client.chat.completions.create(model="profile", messages=QUESTION, stream=True)

    assert "".join(c.choices[0].delta.content for c in chunks if c.choices) == "fallen back"


def test_a_redirection_is_not_followed(client, services):
    services.answer("own", status=307, headers={"location": "/v1/chat/completions?again"})
    services.answer("tiny-llama", body=openai_completion("fallen back"))

    answer = client.chat.completions.create(model="own", messages=QUESTION)

    assert answer.choices[0].message.content == "fallen back"
    assert len(services.received["own"]) == 1


def test_a_request_at_fault_does_not_fall_back(client, services):
    headers = {"x-amzn-errortype": "ValidationException"}
    services.answer(PROFILE, status=400, headers=headers, body={"message": "bad"})

    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="profile", messages=QUESTION)

    assert "own" not in services.received


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(("model", "who"), [("own", "own"), ("endpoint", "tiny-llama")])
def test_a_client_that_leaves_aborts_an_own_model(gateway, services, metric, model, who, begun):
    gate = Gate()
    begin = sse(openai_chunk({"content": "Der "}))
    steps = begin if who == "own" else parts(begin[0])
    services.answer(who, *(steps if begun else []), gate, b"")
    before = metric("gateway_requests_total", "team-a", model, "499")

    leave(gateway, model, begun)

    assert services.aborted.get(timeout=10) == who
    gate.open()
    wait_for(lambda: metric("gateway_requests_total", "team-a", model, "499") == before + 1)
    assert metric("gateway_in_flight_requests", "team-a", model) == 0


@pytest.mark.parametrize("begun", [True, False])
def test_a_client_that_leaves_bedrock_pays_for_what_bedrock_bills(gateway, services, metric, begun):
    gate = Gate()
    first, rest = converse_stream(["Der "])[:2], converse_stream(["Fuchs"], usage(4, 3))[1:]
    services.answer(NOVA, *(first if begun else []), gate, *([] if begun else first[:1]), *rest)
    gone = metric("gateway_requests_total", "team-a", "nova", "499")
    tokens = metric("gateway_tokens_total", "team-a", "nova", "output")

    leave(gateway, "nova", begun)
    assert metric("gateway_in_flight_requests", "team-a", "nova") == 1
    gate.open()

    wait_for(lambda: metric("gateway_requests_total", "team-a", "nova", "499") == gone + 1)
    assert metric("gateway_tokens_total", "team-a", "nova", "output") == tokens + 3
    assert metric("gateway_in_flight_requests", "team-a", "nova") == 0
    assert services.aborted.empty()


def leave(gateway, model, begun) -> None:
    """Ask for a stream and hang up, after its first chunk or before any."""
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
    with client:
        if begun:
            stream = client.chat.completions.create(model=model, messages=QUESTION, stream=True)
            with stream:
                next(iter(stream))
        else:
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.5).chat.completions.create(
                    model=model, messages=QUESTION, stream=True
                )


def wait_for(condition) -> None:
    """Until what the gateway does in its own time is done."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_backend_that_recovers_is_asked_again(client, services):
    unwell = [
        Answer(status=503, body={"error": {"message": "loading"}}),
        Answer(status=429, body={"error": {"message": "busy"}}),
    ]
    services.answers["own"] = [*unwell, Answer(body=openai_completion("Hello"))]
    services.answer("tiny-llama", status=503, body={"message": "x"})

    raw = client.chat.completions.with_raw_response.create(model="own", messages=QUESTION)

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
        fragile.chat.completions.create(model="hurried", messages=QUESTION)
    services.answer("hurried", *sse(openai_chunk({"content": "Der "})), gate, b"")
    text, error = stream_error(fragile, "hurried")
    gate.open()

    assert caught.value.status_code == 504
    assert text == "Der "
    assert "within 1 s" in error.message


def test_a_model_gets_no_more_requests_than_it_takes_at_a_time(fragile, services):
    gate = Gate()
    first, *rest = openai_stream(["Hello"], "narrow")
    services.answer("narrow", first, gate, *rest)
    stream = iter(fragile.chat.completions.create(model="narrow", messages=QUESTION, stream=True))
    next(stream)

    with pytest.raises(openai.RateLimitError, match="as many requests as it may") as caught:
        fragile.chat.completions.create(model="narrow", messages=QUESTION)
    assert caught.value.response.headers["retry-after"] == "1"
    gate.open()
    assert [c.choices[0].delta.content for c in stream if c.choices] == ["Hello"]

    services.answer("narrow", body=openai_completion("Hello"))
    assert fragile.chat.completions.create(model="narrow", messages=QUESTION).choices


def test_a_backend_that_is_gone_is_left_alone_after_a_while(fragile):
    errors = []
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(openai.InternalServerError) as caught:
            fragile.chat.completions.create(model="down", messages=QUESTION)
        errors.append(caught.value)

    assert "cannot be reached" in errors[0].message
    assert "again and again" in errors[-1].message
    assert int(errors[-1].response.headers["retry-after"]) >= 1


def test_a_backend_that_never_answers_is_left_alone_after_a_while(fragile, services):
    services.answer("silent", Gate(), b"")

    def ask(_: int) -> str:
        with pytest.raises(openai.InternalServerError) as caught:
            fragile.chat.completions.create(model="silent", messages=QUESTION)
        return caught.value.message

    with ThreadPoolExecutor(FAILURES_TO_OPEN) as clients:
        assert all("within 1 s" in message for message in clients.map(ask, range(FAILURES_TO_OPEN)))

    assert "again and again" in ask(0)
    assert {services.aborted.get(timeout=10) for _ in range(FAILURES_TO_OPEN)} == {"silent"}


def test_an_open_stream_delays_nobody(client, services, http):
    gate = Gate()
    services.answer(NOVA, *converse_stream(["Der "])[:2], gate, *converse_stream(["Fuchs"])[1:])
    services.answer("own", body=openai_completion("meanwhile"))
    stream = iter(client.chat.completions.create(model="nova", messages=QUESTION, stream=True))
    next(stream)

    assert http.get("/health").status_code == 200
    other = client.chat.completions.create(model="own", messages=QUESTION)
    assert other.choices[0].message.content == "meanwhile"

    gate.open()
    assert "Fuchs" in [chunk.choices[0].delta.content for chunk in stream]


def test_content_arrives_when_it_is_made_and_not_at_the_end(client, services):
    gates = [Gate(), Gate()]
    begin, first, second, *end = converse_stream(["one", "two"])
    services.answer(NOVA, begin, first, gates[0], second, gates[1], *end)
    stream = iter(client.chat.completions.create(model="nova", messages=QUESTION, stream=True))

    seen = [next(stream).choices[0].delta.content for _ in range(2)]
    gates[0].open()
    seen.append(next(stream).choices[0].delta.content)
    gates[1].open()

    assert seen == ["", "one", "two"]


def test_tokens_and_cost_are_counted_for_answers_and_streams(gateway, services, metric):
    tokens = usage(100, 50, cacheReadInputTokens=1000, cacheWriteInputTokens=10)
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-counted")
    services.answer(NOVA, body=converse_answer({"text": "x"}, tokens=tokens))
    raw = client.chat.completions.with_raw_response.create(model="nova", messages=QUESTION)
    services.answer(NOVA, *converse_stream(["x"], tokens))
    list(client.chat.completions.create(model="nova", messages=QUESTION, stream=True))
    client.close()

    cost = (100 * 0.06 + 50 * 0.24 + 1000 * 0.015 + 10 * 0.06) / 1e6
    assert float(raw.headers["x-gateway-cost-usd"]) == pytest.approx(cost, abs=1e-9)
    assert metric("gateway_cost_usd_total", "counted", "nova") == pytest.approx(2 * cost)
    kinds = {"input": 200, "output": 100, "cache_read": 2000, "cache_write": 20}
    for kind, count in kinds.items():
        assert metric("gateway_tokens_total", "counted", "nova", kind) == count
    assert metric("gateway_requests_total", "counted", "nova", "200") == 2
