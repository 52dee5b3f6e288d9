"""Clients that hang up: own models are spared the work, and what Bedrock bills is settled."""

import http.client
import json
import time

import openai
import pytest

from tests.waiting import PATIENCE, wait_for
from tests.workloads.gateway.conftest import KEY
from tests.workloads.gateway.everywhere import ASKED, NOVA, parts
from tests.workloads.gateway.fakes import Gate, converse_stream, openai_chunk, sse, usage
from workloads.gateway.exchange import WATCH_SECONDS


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(("model", "who"), [("own", "own"), ("endpoint", "tiny-llama")])
def test_a_client_that_leaves_aborts_an_own_model(gateway, services, metric, model, who, begun):
    gate = Gate()
    begin = sse(openai_chunk({"content": "Der "}))
    steps = begin if who == "own" else parts([begin[0]])
    services.answer(who, *(steps if begun else []), gate, b"")
    before = metric("gateway_requests_total", "team-a", model, "499")

    leave(gateway, services, model, who, begun)

    assert services.next_aborted() == who
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

    leave(gateway, services, "nova", NOVA, begun)
    assert metric("gateway_in_flight_requests", "team-a", "nova") == 1
    gate.open()

    wait_for(lambda: metric("gateway_requests_total", "team-a", "nova", "499") == gone + 1)
    assert metric("gateway_tokens_total", "team-a", "nova", "output") == tokens + 3
    assert metric("gateway_in_flight_requests", "team-a", "nova") == 0
    assert services.aborted.empty()


def leave(gateway, services, model, who, begun) -> None:
    """Ask for a stream and hang up, after its first chunk or once the model was asked for it."""
    if begun:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
        with (
            client,
            client.chat.completions.create(model=model, messages=ASKED, stream=True) as stream,
        ):
            next(iter(stream))
            time.sleep(2 * WATCH_SECONDS)  # nobody looks whether a client stays before
        return
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=PATIENCE)
    body = json.dumps({"model": model, "messages": ASKED, "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {KEY}"})
    wait_for(lambda: who in services.received)
    time.sleep(2 * WATCH_SECONDS)
    connection.close()
