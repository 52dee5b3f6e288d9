"""Routes, keys and errors of the real process, over plain HTTP."""

import http.client as http_client
import json
import random
import re

import pytest

from tests.waiting import PATIENCE
from tests.workloads.gateway.fakes import converse_answer, openai_completion
from workloads.gateway.exchange import MAX_BODY

NOVA = "amazon.nova-lite-v1:0"
CHAT = "/v1/chat/completions"
QUESTION = {"model": "own", "messages": [{"role": "user", "content": "Hi"}]}


def as_team(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def error_of(answer) -> dict:
    """The error in an answer, which must be an envelope and tell nothing of the inside."""
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_health_and_readiness_need_no_key(http):
    for path in ("/health", "/ready"):
        assert http.get(path, headers={"authorization": ""}).status_code == 200


def test_metrics_are_for_a_scraper_and_not_behind_a_load_balancer(http):
    assert http.get("/metrics").status_code == 200
    assert http.get("/metrics", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 404


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic sk-team-a", "\xff"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
def test_without_a_known_key_the_answer_is_401(http, authorization, path):
    headers = {"authorization": authorization.encode("latin-1")}
    answer = (
        http.get(path, headers=headers) if "models" in path else http.post(path, headers=headers)
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert error_of(answer)["code"] == "invalid_api_key"


def test_the_word_bearer_is_read_in_any_case(http):
    assert http.get("/v1/models", headers={"authorization": "bearer sk-team-a"}).is_success


def test_models_are_the_ones_the_key_may_use(http):
    everything = http.get("/v1/models").json()["data"]
    assert [model["id"] for model in everything] == ["nova", "profile", "own", "gone", "endpoint"]

    some = http.get("/v1/models", headers=as_team("sk-team-b")).json()
    assert [model["id"] for model in some["data"]] == ["own"]
    assert http.get("/v1/models/own").json()["id"] == "own"
    prices = {model["id"]: model.get("price") for model in everything}
    assert prices["endpoint"] == {"input": 1, "output": 2}
    assert prices["own"] is None
    assert error_of(http.get("/v1/models/nope"))["code"] == "model_not_found"
    answer = http.get("/v1/models/nova", headers=as_team("sk-team-b"))
    assert answer.status_code == 404


def test_a_model_the_key_may_not_use_is_403(http, services):
    services.answer("own", body=openai_completion("Hello"))

    assert http.post(CHAT, json=QUESTION, headers=as_team("sk-team-b")).status_code == 200
    answer = http.post(CHAT, json={**QUESTION, "model": "nova"}, headers=as_team("sk-team-b"))

    assert answer.status_code == 403
    assert error_of(answer)["code"] == "model_not_allowed"


def test_an_unknown_model_is_404(http):
    answer = http.post(CHAT, json={**QUESTION, "model": "gpt-x"})

    assert answer.status_code == 404
    assert error_of(answer) == {
        "message": "The model 'gpt-x' does not exist.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"model": "own", "messages": ["\\ud800"]}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "model is missing"),
        (b'{"model": 5}', "model is missing"),
        (b'{"model": "own"}', "at least one message"),
        (b'{"model": "own", "messages": []}', "at least one message"),
        (b'{"model": "own", "messages": "Hi"}', "at least one message"),
        (b'{"model": "own", "messages": [1], "stream_options": 5}', "stream_options"),
        (b'{"model": "nova", "messages": [1]}', "messages[0] is not an object"),
    ],
)
def test_a_malformed_request_is_400_with_the_reason(http, body, words):
    answer = http.post(CHAT, content=body)

    assert answer.status_code == 400
    assert words in error_of(answer)["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_too_large_is_413(http, chunked):
    size = MAX_BODY + 1
    body = (b"x" * 1_000_000 for _ in range(size // 1_000_000 + 1)) if chunked else b"x" * size

    answer = http.post(CHAT, content=body)

    assert answer.status_code == 413
    assert error_of(answer)["code"] == "request_too_large"


def test_a_request_that_says_it_is_too_large_is_not_waited_for(gateway):
    connection = http_client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=PATIENCE)
    connection.putrequest("POST", CHAT)
    connection.putheader("authorization", "Bearer sk-team-a")
    connection.putheader("content-length", str(MAX_BODY + 1))
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()


def test_a_large_image_reaches_bedrock_whole(http, services):
    services.answer(NOVA, body=converse_answer({"text": "x"}))
    data = "A" * 5_000_000
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}

    answer = http.post(
        CHAT, json={"model": "nova", "messages": [{"role": "user", "content": [part]}]}
    )

    assert answer.status_code == 200
    [received] = services.received[NOVA]
    [block] = received.body["messages"][0]["content"]
    assert block["image"]["source"]["bytes"] == data


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/health", 405),
        ("POST", "/", 405),
        ("GET", "/playground/nothing.js", 404),
        ("GET", "/v1/chat", 404),
        ("POST", "/v1/chat/completions/..%2f..", 404),
    ],
)
def test_other_paths_and_methods(http, method, path, status):
    answer = http.request(method, path)

    assert answer.status_code == status
    error_of(answer)


def test_one_request_too_many_is_429_with_the_time_to_wait(http, services):
    services.answer("own", body=openai_completion("Hello"))
    headers = as_team("sk-slow")
    assert http.post(CHAT, json=QUESTION, headers=headers).status_code == 200

    answer = http.post(CHAT, json=QUESTION, headers=headers)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert error_of(answer)["code"] == "rate_limit_exceeded"


def test_an_answer_of_unknown_form_is_502(http, services):
    services.answer(NOVA, body={"output": {}})
    services.answer("own", body=[])
    services.answer("tiny-llama", body=b"<html>")

    for model in ("nova", "own"):
        answer = http.post(CHAT, json={**QUESTION, "model": model})
        assert answer.status_code == 502
        assert "unknown form" in error_of(answer)["message"]


def test_every_answer_has_its_own_request_id(http):
    ids = {http.get("/health").headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5


def test_random_requests_never_make_it_fail(gateway, services):
    services.answer("own", body=openai_completion("Hello"))
    chance = random.Random(7)
    pieces = ['"role"', '"user"', "null", "-1", "1e999", '"tools"', "{", "}", "[", "]", ":", ","]
    pieces += [json.dumps(QUESTION), '"content"', '{"model":"nova","messages":[', '"\\u0000"']
    host = gateway.url.removeprefix("http://")
    connection = http_client.HTTPConnection(host, timeout=PATIENCE)
    for _ in range(200):
        body = "".join(chance.choices(pieces, k=chance.randrange(8))).encode()
        if chance.random() < 0.2:
            body += chance.randbytes(20)
        connection.request("POST", CHAT, body, as_team("sk-team-a"))
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 500, body
        assert answer.status == 200 or json.loads(text)["error"]["message"]
    connection.close()
