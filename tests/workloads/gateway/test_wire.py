"""Bytes on the socket that no client of HTTP would send: refused, or read, and nothing told.

FUZZ_EXAMPLES=2000 python -m pytest tests/workloads/gateway/test_wire.py
"""

import re
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import KEY, ROOT
from tests.workloads.gateway.everywhere import MODELS, answer_anything, fuzz
from workloads.gateway import openapi

FUZZ = fuzz(20)
LEAKS = re.compile(rb"Traceback|File \"|site-packages|111122223333|arn:aws|" + str(ROOT).encode())
BODY = b'{"model": "own", "messages": [{"role": "user", "content": "x"}]}'
POSTED = [path for path, methods in openapi.DESCRIPTION["paths"].items() if "post" in methods]


def post(body: bytes = BODY, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"authorization: Bearer {KEY}", *headers]
    if not any(re.match("content-length|transfer-encoding", h, re.IGNORECASE) for h in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1") + body


@pytest.fixture
def send(gateway, http, services):
    """Sends bytes and gives what came back until the gateway closed, or had no more to say."""
    answer_anything(services)
    address = urlsplit(gateway.url)

    def send(data: bytes, *more: bytes, leaves: bool = True) -> bytes:
        with socket.create_connection((address.hostname, address.port), PATIENCE) as connection:
            received = b""
            try:
                for part in (data, *more):
                    connection.sendall(part)
                if leaves:  # which is also how a client goes that has sent everything
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65536):
                    received += part
            except TimeoutError:
                raise
            except OSError:
                pass  # closed while it was still being written to
        holds(received)
        return received

    yield send
    assert "Traceback" not in gateway.log.read_text()
    assert http.get("/health").status_code == 200


def holds(received: bytes) -> None:
    """What is true of everything that is ever sent."""
    assert not received or received.startswith(b"HTTP/1.1 "), received
    assert not re.search(rb"^HTTP/1.1 5", received, re.MULTILINE), received
    assert not LEAKS.search(received), received


LINE = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n"
UPGRADE = b"upgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET",
        b"\r\n\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1",
        b"get /health http/1.1\r\nhost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET http://example.com/v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET //v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/models/%ff%00%zz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/models/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/usage?%ff=%00&from=\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        LINE + b"x: " + b"a" * 1_000_000 + b"\r\n\r\n",
        LINE + b"".join(b"x%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
        LINE + b"no colon\r\n\r\n",
        LINE + b"x: a\r\n b\r\n\r\n",
        LINE + b"x\0y: z\0\r\n\r\n",
        LINE + b"authorization: Bearer \xff\xfe\r\n\r\n",
        LINE + b"authorization: Bearer\r\n\r\n",
        LINE + b"connection: upgrade\r\n" + UPGRADE + b"\r\n",
        LINE + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n",
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_what_is_hardly_http(send, data):
    send(data)


@pytest.mark.parametrize(
    "data",
    [
        post(BODY, "content-length: -1"),
        post(BODY, "content-length: +5"),
        post(BODY, "content-length: 5", "content-length: 6"),
        post(BODY, "content-length: 99999999999999999999999999"),
        post(BODY, "content-length: 1000000000000"),
        post(BODY, "content-length: 1000"),
        post(BODY, f"content-length: {len(BODY)}", "transfer-encoding: chunked"),
        post(b"zz\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post(b"ffffffffffffffffff\r\nabc", "transfer-encoding: chunked"),
        post(b"ffffffff\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post(b"3\r\nabcdef\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post(b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post(b"-3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post(BODY, "transfer-encoding: chunked, gzip"),
        post(BODY, "transfer-encoding: identity"),
        post(b"\x1f\x8b\x08", "content-encoding: gzip"),
    ],
    ids=range(16),
)
def test_lengths_that_are_lies(send, data):
    received = send(data)

    assert not received.startswith(b"HTTP/1.1 200"), received


def test_half_a_request(send, services):
    for cut in range(0, len(post()), 7):
        assert not send(post()[:cut]).startswith(b"HTTP/1.1 200")
    assert not services.received


def test_what_is_legal_though_strange_is_answered(send):
    chunked = b"%x;a=b\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(BODY), BODY)
    for data in (
        post(chunked, "Transfer-Encoding: Chunked"),
        post(BODY, "expect: 100-continue"),
        post(b" \n" + BODY + b"\n "),
        b"\r\n" + post(),
    ):
        assert b"HTTP/1.1 200" in send(data, leaves=False)
    pipelined = post().replace(b"connection: close\r\n", b"") + post()
    assert send(pipelined, leaves=False).count(b"HTTP/1.1 200") == 2
    assert b"HTTP/1.1 200" in send(*[bytes([byte]) for byte in post()], leaves=False)


DEEP = 100_000
EDGES = [
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    *(b"[" * depth + b"]" * depth for depth in (250, 255, 1000)),
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"1" * 5000,
    b"18446744073709551616",
    b"0.1e-9999",
    rb'"\ud800"',
    rb'"\udc00\ud800"',
    b'"\xed\xa0\x80"',
    b'"\xff\xfe"',
    rb'"\u0000"',
    b'{"a": 1, "a": 2}',
]


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("field", ["messages", "max_tokens", "tools", "unknown"])
@pytest.mark.usefixtures("send")
def test_values_at_the_edge_of_json(http, path, field):
    for value in EDGES:
        for model in MODELS:
            given = {
                "model": b'"%b"' % model.encode(),
                "messages": b'[{"role": "user", "content": "x"}]',
                "input": b'"x"',
                "max_tokens": b"5",
            }
            if path.startswith("/model"):  # the fake would take it for another model's
                del given["model"]
            given[field] = (
                b'[{"role": "user", "content": %b}]' % value if field == "messages" else value
            )
            body = b"{%b}" % b",".join(b'"%b":%b' % (n.encode(), v) for n, v in given.items())
            answer = http.post(path.format(model=model), content=body)
            assert answer.status_code < 500, (answer.text, body[:200])
            assert not LEAKS.search(answer.content)


@pytest.mark.parametrize("depth", [100, 255, 1000])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("send")
def test_json_inside_of_texts_may_be_as_deep(http, model, depth):
    deep = '{"a":' * depth + "1" + "}" * depth
    function = {"name": "f", "arguments": deep}
    call = {"id": "t", "type": "function", "function": function}
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]
    chat = http.post("/v1/chat/completions", json={"model": model, "messages": said})
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": deep}}}
    asked = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    asked["outputConfig"] = {"textFormat": form}
    converse = http.post(f"/model/{model}/converse", json=asked)

    assert {chat.status_code, converse.status_code} <= {200, 400}


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"\xef\xbb\xbf" + BODY, BODY.decode().encode("utf-16"), BODY + BODY, BODY[:-1]],
)
def test_bodies_that_are_no_json(send, body):
    assert send(post(body), leaves=False).startswith(b"HTTP/1.1 400")


def test_of_a_key_that_stands_twice_the_last_counts(send):
    twice = BODY.replace(b'{"model": "own"', b'{"model": "nobody", "model": "own"')

    assert send(post(twice), leaves=False).startswith(b"HTTP/1.1 200")


@given(
    st.data(),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 20), st.binary(max_size=20)), max_size=4
    ),
)
@FUZZ
def test_requests_with_bytes_changed_anywhere(send, data, changes):
    path = data.draw(st.sampled_from(POSTED)).format(model="own")
    changed = bytearray(post(BODY, path=path))
    for place, length, put in changes:
        place %= len(changed) + 1
        changed[place : place + length] = put
    send(bytes(changed))


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
@FUZZ
def test_bytes_of_any_kind(send, parts):
    send(*parts)
