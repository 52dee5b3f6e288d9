"""The HTTP server: our own services first, ministack for everything else."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.app import app as ministack

from operations.embedded.extension import access, guardrails, hooks, records
from operations.embedded.extension.repairs import REPAIRS
from operations.embedded.extension.services import SERVICES
from operations.embedded.extension.types import HANDLERS
from operations.embedded.extension.types.kubernetes import CLUSTERS

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

_OWN = "/_embedded/"
# The CDK CLI asks every five seconds whether a stack is settled, and here stacks settle in less
# than one. The answer that starts an operation waits for its end, at most so long.
_SETTLE_SECONDS = 30.0
_SCOPE = re.compile(r"Credential=(?P<account>[^/]+)/\d+/(?P<region>[^/]+)/")


async def serve(listener: socket.socket) -> None:
    """Serve on the bound socket until the process is told to stop."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if missing := hooks.missing():
        raise SystemExit(f"this ministack lacks what the extension uses: {', '.join(missing)}")
    for handler in HANDLERS:
        hooks.register(handler, url)
    for type, repair in (REPAIRS | records.REPAIRS).items():
        hooks.repair(type, repair, url)
    hooks.run_ours_on_threads()
    hooks.note_stack_operations()
    hooks.notice_changed_references()
    hooks.know_every_zone()
    hooks.complete_ec2_answers()
    access.name_guardrails()
    access.name_namespaces()
    access.watch()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75  # longer than the clients', so that they close first
    config.loglevel = "INFO"
    await hypercorn_serve(cast(Any, app), config)  # its own types name every message


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] != "http":
        await ministack(scope, receive, send)
        return
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    if scope["path"].startswith(_OWN):
        await _answer(send, *_about(scope))
        return
    target = headers.get("x-amz-target", "")
    for service in SERVICES:
        if service.takes(target):
            operation = target.removeprefix(service.target)
            account, region = _caller(headers)
            answer = service.answer(operation, await _body(receive), account, region)
            await _answer(send, *answer)
            return
    if id := guardrails.guardrail_id(scope["path"]):
        if version := guardrails.deleted_version(scope["method"], scope["query_string"]):
            found = hooks.delete_guardrail_version(id, version, *_caller(headers))
            await _answer(send, HTTPStatus.ACCEPTED if found else HTTPStatus.NOT_FOUND, {})
            return
        scope = scope | {"path": f"/guardrails/{id}", "raw_path": f"/guardrails/{id}".encode()}
        if scope["method"] == "GET":
            send = _rewriting(send, guardrails.respelt)
    scope = scope | {"headers": [*scope["headers"], access.SECURE]}
    with hooks.stack_operations() as operations:

        async def send_when_settled(message: Message) -> None:
            if operations:
                await asyncio.wait(operations, timeout=_SETTLE_SECONDS)
            await send(message)

        await ministack(scope, receive, send_when_settled)


def _about(scope: Mapping[str, Any]) -> tuple[int, Any]:
    """What only this emulator can be asked: whether it is ready, what a stack or cluster holds."""
    query = {name: text for name, [text] in parse_qs(scope["query_string"].decode()).items()}
    match scope["path"].removeprefix(_OWN):
        case "ready":
            return HTTPStatus.OK, {}
        case "access":
            return HTTPStatus.OK, access.decisions()
        case "resources":
            return HTTPStatus.OK, hooks.stack_resources(
                query["stack"], query["account"], query["region"]
            )
        case "cluster":
            return HTTPStatus.OK, CLUSTERS.listing(query["account"], query["region"], query["name"])
    return HTTPStatus.NOT_FOUND, {}


def _rewriting(send: Send, rewrite: Callable[[bytes], bytes]) -> Send:
    """Send an answer of one piece with its body rewritten."""
    started: Message = {}

    async def rewriting(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        body = rewrite(message["body"])
        kept = [(k, v) for k, v in started["headers"] if k.lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await send(started | {"headers": [*kept, length]})
        await send(message | {"body": body})

    return rewriting


def _caller(headers: Mapping[str, str]) -> tuple[str, str]:
    """Account and region of a signed request."""
    found = _SCOPE.search(headers.get("authorization", ""))
    return (found["account"], found["region"]) if found else ("000000000000", "us-east-1")


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, answer: Any) -> None:
    headers = [(b"content-type", b"application/x-amz-json-1.1")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer, default=str).encode()})
