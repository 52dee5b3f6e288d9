"""The HTTP side over an engine that tests can hold: order, disconnects, failures."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import ClassVar

import pytest
import uvicorn

from tests.waiting import PATIENCE, wait_for
from workloads.deploy.pods.drain import under_way
from workloads.serve.app import Server
from workloads.serve.engine import Piece, Sampling


class HeldEngine:
    """Gives a piece each time a test lets it, and notes who was cancelled."""

    context = 1000
    vocabulary = 300
    defaults: ClassVar = {}
    chat = SimpleNamespace(render=lambda messages: messages[-1]["content"])

    def __init__(self) -> None:
        self.step = threading.Semaphore(0)
        self.begun: list[int] = []
        self.cancelled = threading.Event()

    def encode(self, text: str, *, marks: bool) -> list[int]:
        return [len(text)]

    def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, cancelled: Callable[[], bool]
    ) -> Iterator[Piece]:
        self.begun.append(prompt[0])
        if prompt[0] == 13:
            raise RuntimeError("the model broke")
        for count in range(1, sampling.max_tokens + 1):
            while not self.step.acquire(timeout=0.01):
                if cancelled():
                    self.cancelled.set()
                    return
            finish = "length" if count == sampling.max_tokens else None
            yield Piece(text="é", tokens=count, finish=finish)


@pytest.fixture
def engine() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
def port(engine) -> Iterator[int]:
    """The server, listening in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            Server(engine, name="held").app(), log_level="critical", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive()


def post(port: int, prompt: str = "hi", **options) -> http.client.HTTPConnection:
    """A request sent, its answer not yet read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = {"model": "held", "messages": [{"role": "user", "content": prompt}], **options}
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"}
    )
    return connection


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    return connection.getresponse().read()


def asking(port: int) -> float:
    """How many requests the server has."""
    return under_way(get(port, "/metrics").decode())


def event(answer: http.client.HTTPResponse) -> dict | str:
    data = answer.readline().removeprefix(b"data: ")
    assert answer.readline() == b"\n"
    return data.strip().decode() if data.startswith(b"[") else json.loads(data)


def test_each_piece_is_sent_as_soon_as_it_is_there(engine, port):
    answer = post(port, stream=True, max_tokens=3).getresponse()

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert event(answer)["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    for _ in range(3):
        engine.step.release()
        assert event(answer)["choices"][0]["delta"] == {"content": "é"}
    assert event(answer)["choices"][0]["finish_reason"] == "length"
    assert event(answer) == "[DONE]"


def test_the_server_answers_others_while_it_generates(engine, port):
    answer = post(port, stream=True, max_tokens=1).getresponse()
    event(answer)

    assert json.loads(get(port, "/health")) == {"status": "ok"}
    engine.step.release()
    assert event(answer)["choices"][0]["delta"] == {"content": "é"}


def test_one_answer_is_generated_at_a_time_in_order(engine, port):
    first = post(port, "a", stream=True, max_tokens=1).getresponse()
    event(first)
    second = post(port, "bb", max_tokens=2)
    get(port, "/health")

    assert engine.begun == [1]
    for _ in range(3):
        engine.step.release()
    assert json.loads(second.getresponse().read())["choices"][0]["message"]["content"] == "éé"
    assert engine.begun == [1, 2]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_is_generated_for_no_longer(engine, port, stream):
    connection = post(port, stream=stream, max_tokens=100)
    engine.step.release()
    if stream:
        event(connection.getresponse())
    wait_for(lambda: engine.begun)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()

    assert engine.cancelled.wait(timeout=PATIENCE)


def test_a_client_that_goes_away_while_it_waits_is_never_begun(engine, port):
    first = post(port, "a", stream=True, max_tokens=1).getresponse()
    event(first)
    second = post(port, "bb", stream=True, max_tokens=5)
    event(second.getresponse())
    wait_for(lambda: asking(port) == 2)
    second.sock.shutdown(socket.SHUT_RDWR)
    second.close()
    wait_for(lambda: asking(port) == 1)

    engine.step.release(10)
    third = post(port, "ccc", max_tokens=1)

    third.getresponse().read()
    assert engine.begun == [1, 3]


def test_a_failure_is_told_in_the_envelope_and_the_next_request_answered(engine, port):
    failed = post(port, "x" * 13).getresponse()

    assert failed.status == 500
    assert json.loads(failed.read())["error"] == {
        "message": "the server failed: RuntimeError",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    engine.step.release()
    assert post(port, max_tokens=1).getresponse().status == 200


def test_a_failure_within_a_stream_is_an_event(port):
    answer = post(port, "x" * 13, stream=True).getresponse()

    event(answer)
    assert event(answer)["error"]["message"] == "the server failed: RuntimeError"
