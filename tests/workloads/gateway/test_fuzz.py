"""Requests that nobody would send, to the real process: no failure of its own, and nothing told.

Schemathesis makes them from the OpenAPI description that the gateway serves, Hypothesis from bytes
and JSON of any kind. A short run is in the suite; a long one is

    FUZZ_EXAMPLES=2000 python -m pytest tests/workloads/gateway/test_fuzz.py
"""

import json
import re
from urllib.parse import quote

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import KEY, ROOT
from tests.workloads.gateway.everywhere import MODELS, answer_anything, fuzz
from workloads.gateway import openapi

FUZZ = fuzz(4)
OPERATIONS = [
    (path, method) for path, methods in openapi.DESCRIPTION["paths"].items() for method in methods
]
POSTED = [path for path, method in OPERATIONS if method == "post"]
LEAKS = re.compile(r"Traceback|File \"|site-packages|111122223333|arn:aws")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
models = st.sampled_from(MODELS * 3) | st.text(min_size=1, max_size=9)


@pytest.fixture(scope="module")
def client(gateway):
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=gateway.url, headers=headers, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(scope="module")
def description(gateway):
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


@pytest.fixture(autouse=True)
def every_request_is_answered(services):
    """So that whatever fails is the gateway."""
    answer_anything(services)


def holds(status: int, text: str) -> None:
    """What is true of every answer."""
    assert status < 500, text
    assert not LEAKS.search(text), text
    assert str(ROOT) not in text


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        (path, method, mode)
        for path, method in OPERATIONS
        for mode in GenerationMode
        if mode == GenerationMode.POSITIVE or method == "post" or "{" in path or "usage" in path
    ],
)
def test_requests_after_the_description(gateway, description, method, path, mode):
    operation = description[path][method]
    with requests.Session() as session:

        @FUZZ
        @given(case=operation.as_strategy(generation_mode=mode), model=models)
        def check(case, model):
            if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
                case.body["model"] = model
            if "model" in case.path_parameters:
                case.path_parameters["model"] = quote(model, safe="")
            answer = case.call(session=session, headers={"authorization": f"Bearer {KEY}"})
            case.validate_response(answer, checks=CHECKS)
            holds(answer.status_code, answer.content.decode(errors="replace"))

        check()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
fields = st.sampled_from(
    ["messages", "input", "system", "tools", "tool_choice", "stop", "stream", "max_tokens"]
)
objects = st.builds(
    lambda model, more: {"model": model, "messages": [{"role": "user", "content": "x"}], **more},
    st.sampled_from(MODELS),
    st.dictionaries(fields | st.text(), values, max_size=4),
)


@pytest.mark.parametrize("path", POSTED)
def test_json_of_any_kind(client, path):
    @FUZZ
    @given(objects | values)
    def check(body):
        answer = client.post(path.format(model="own"), content=encoded(body))
        holds(answer.status_code, answer.text)

    check()


def encoded(body) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", POSTED)
def test_bytes_of_any_kind(client, path):
    @FUZZ
    @given(st.binary() | st.text().map(str.encode), st.binary(max_size=40))
    def check(body, key):
        answer = client.post(path.format(model="own"), content=body)
        holds(answer.status_code, answer.text)
        assert answer.status_code == 400 or body.strip()[:1] == b"{"
        wrong = {"authorization": b"Bearer x" + re.sub(rb"[^!-~]", b"x", key)}
        stranger = client.post(path.format(model="own"), content=body, headers=wrong)
        assert stranger.status_code == 401
        holds(stranger.status_code, stranger.text)

    check()


@given(st.text().map(lambda text: quote("/" + text)) | st.sampled_from(["/v1", "/model/", "/%00"]))
@FUZZ
def test_paths_of_any_kind(client, path):
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        holds(answer.status_code, answer.text)


def test_the_description_is_one_of_openapi(client):
    served = client.get("/openapi.json").json()

    assert served == openapi.DESCRIPTION
    assert served["openapi"].startswith("3.1")
    for name, schema in served["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in str(served)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_is_there(client, path, method):
    answer = client.request(method, path.format(model="nova"))
    assert answer.status_code not in (404, 405)
    wrong = client.request("DELETE", path.format(model="nova"))
    assert wrong.status_code == 405
