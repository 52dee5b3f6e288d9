"""How the real process stops, as a load balancer and the clients of open streams see it."""

import asyncio
import signal
import socket

import httpx2
import openai
import pytest

from tests.waiting import PATIENCE, wait_for
from tests.workloads.gateway.conftest import sha256
from tests.workloads.gateway.fakes import Gate, converse_answer, converse_stream
from workloads.gateway import server

NOVA = "amazon.nova-lite-v1:0"
FILE = f"""
[[models]]
name = "nova"
bedrock = "{NOVA}"
[[tenants]]
name = "a"
key_sha256 = "{sha256("sk-a")}"
"""
QUESTION = [{"role": "user", "content": "Hi"}]


def ask(gateway, **options):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-a", max_retries=0)
    return client.chat.completions.create(model="nova", messages=QUESTION, **options)


def open_stream(gateway, services):
    """A stream after its first chunk, and the gate that its rest waits for."""
    gate = Gate()
    begin, first, *rest = converse_stream(["Hel", "lo"])
    services.answer(NOVA, begin, first, gate, *rest)
    stream = iter(ask(gateway, stream=True))
    next(stream)
    return stream, gate


def wait_until_unready(gateway) -> httpx2.Response:
    answers: list[httpx2.Response] = []

    def unready() -> bool:
        answers.append(gateway.get("/ready"))
        return answers[-1].status_code != 200

    wait_for(unready)
    return answers[-1]


def wait_until_closed(gateway) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":")[-1]))).close()
        except ConnectionError:
            return


def test_told_to_stop_it_serves_on_until_the_load_balancer_has_turned_away(start_gateway, services):
    gateway = start_gateway(FILE, "--leave", "60")
    stream, gate = open_stream(gateway, services)
    with httpx2.Client(timeout=PATIENCE) as kept:  # as a load balancer keeps its connections
        assert "connection" not in kept.get(f"{gateway.url}/ready").headers

        gateway.process.terminate()
        answer = wait_until_unready(gateway)

        assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
        assert kept.get(f"{gateway.url}/health").headers["connection"] == "close"
    services.answer(NOVA, body=converse_answer({"text": "still here"}))
    assert ask(gateway).choices[0].message.content == "still here"

    gateway.process.terminate()  # once more: the time to leave is over
    wait_until_closed(gateway)
    assert gateway.process.poll() is None
    gate.open()
    assert [chunk.choices[0].delta.content for chunk in stream] == ["Hel", "lo", None]
    assert gateway.ended() == 0
    assert {line["level"] for line in gateway.logged()} <= {"info"}


def test_after_the_time_to_leave_it_ends_by_itself(start_gateway, services):
    gateway = start_gateway(FILE, "--leave", "0.2")
    ask_once = converse_answer({"text": "Hello"})
    services.answer(NOVA, body=ask_once)
    assert ask(gateway).choices

    gateway.process.terminate()

    assert gateway.ended() == 0
    assert {line["level"] for line in gateway.logged()} <= {"info"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stream_that_outlasts_the_drain_is_told_so(start_gateway, services, number):
    gateway = start_gateway(FILE, "--leave", "109")  # of 110 s in all
    stream, _ = open_stream(gateway, services)

    gateway.process.terminate()
    wait_until_unready(gateway)
    gateway.process.send_signal(number)

    with pytest.raises(openai.APIError, match="is being stopped"):
        list(stream)
    assert gateway.ended() == 0
    assert services.next_aborted() == NOVA


def test_an_answer_that_outlasts_the_drain_is_503(start_gateway, services):
    services.answer(NOVA, Gate(), b"")
    gateway = start_gateway(FILE, "--leave", "109")
    request = {"model": "nova", "messages": QUESTION}
    with socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":")[-1]))) as client:
        body = httpx2.Request("POST", gateway.url, json=request).read()
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-a\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        wait_for(lambda: NOVA in services.received)
        gateway.process.terminate()
        wait_until_unready(gateway)
        gateway.process.terminate()

        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"is being stopped" in answer
    assert gateway.ended() == 0
    assert services.next_aborted() == NOVA


def test_a_ledger_that_cannot_be_written_does_not_keep_it(monkeypatch, caplog):
    monkeypatch.setattr(server, "FLUSH_SECONDS", 0.01)

    class Unreachable:
        async def close(self) -> None:
            await asyncio.Event().wait()

    with pytest.raises(SystemExit) as caught:
        asyncio.run(server.flush(Unreachable()))

    assert caught.value.code == 1
    assert "entries are lost" in caplog.text
