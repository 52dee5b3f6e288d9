"""A response on the wire: its head comes with what follows it, and never later than it should."""

import asyncio
import socket
from collections.abc import Sequence

import httpx2
import pytest

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import sha256
from workloads.gateway.connection import Connection
from workloads.gateway.server import uvicorn

FILE = f"""
[[models]]
name = "nova"
bedrock = "amazon.nova-lite-v1:0"
[[tenants]]
name = "a"
key_sha256 = "{sha256("sk-a")}"
"""
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
Headers = Sequence[tuple[bytes, bytes]]


class Transport:
    """Notes every write, as the event loop's own would do one."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return self.written[-1:] == [b"closed"]

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def written(request: bytes, *bodies: bytes, others: int = 0, headers: Headers = ()) -> list[bytes]:
    """What is written for a request that is answered with these pieces, beside `others`."""

    async def answer(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if not body:
                await asyncio.sleep(0)
        await send({"type": "http.response.body"})

    async def main() -> list[bytes]:
        config = uvicorn.Config(answer, log_config=None, access_log=False)
        config.load()
        connection = Connection(config, uvicorn.server.ServerState(), {})
        transport = Transport()
        beside = {asyncio.create_task(asyncio.sleep(0)) for _ in range(others)}
        connection.tasks |= beside
        connection.connection_made(transport)  # type: ignore[arg-type]
        connection.data_received(request)
        while connection.tasks > beside:
            await asyncio.sleep(0)
        connection.shutdown()
        return transport.written

    return asyncio.run(main())


def test_a_head_is_written_with_the_first_piece_and_the_others_as_they_come():
    head, *others = written(GET, b"one", b"two")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n3\r\none\r\n")
    assert others == [b"3\r\ntwo\r\n", b"0\r\n\r\n", b"closed"]


def test_beside_other_requests_all_that_one_turn_of_the_loop_brings_is_one_write():
    whole, closed = written(GET, b"one", b"two", others=1)
    first, *others = written(GET, b"one", b"", b"two", others=1)
    much, rest, _ = written(GET, b"one", b"x" * 70_000, b"two", others=1)

    assert whole.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert closed == b"closed"
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert others == [b"3\r\ntwo\r\n0\r\n\r\n", b"closed"]
    assert much.endswith(b"x\r\n")
    assert rest == b"3\r\ntwo\r\n0\r\n\r\n"


def test_a_head_that_nothing_follows_is_written_alone():
    head, closed = written(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")

    assert head.endswith(b"\r\n\r\n")
    assert closed == b"closed"


def test_what_is_no_request_is_refused_at_once():
    refusal, closed, *_ = written(b"nonsense\r\n\r\n")

    assert refusal.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert closed == b"closed"


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(start_gateway):
    gateway = start_gateway(FILE)
    with socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":")[-1]))) as client:
        client.settimeout(PATIENCE)
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-a\r\n"
            b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n")
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 Bad Request\r\n")

    assert httpx2.head(f"{gateway.url}/health", timeout=PATIENCE).status_code == 405


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_no_header_can_begin_another_one(value):
    assert written(GET, b"one", headers=[(b"x-model", value)]) == [b"closed"]


def test_an_answer_of_known_length_is_not_cut_into_chunks():
    whole, *_ = written(GET, b"one", headers=[(b"content-length", b"3")])

    assert whole.endswith(b"\r\ncontent-length: 3\r\n\r\none")


def test_a_connection_that_is_to_be_closed_says_so_once():
    old, closed, *_ = written(b"GET / HTTP/1.0\r\n\r\n", b"", headers=[(b"content-length", b"0")])
    told, *_ = written(GET, b"", headers=[(b"connection", b"close"), (b"content-length", b"0")])

    assert closed == b"closed"
    assert old.count(b"connection: close\r\n") == told.count(b"connection: close\r\n") == 1
