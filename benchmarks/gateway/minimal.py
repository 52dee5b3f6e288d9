"""The limit: the least that turns OpenAI's chat completions into Converse and back.

    python -m benchmarks.gateway.minimal BEDROCK_URL

The same server, client and JSON libraries as the gateway with the same settings, and its signer,
because Bedrock answers nobody without a signature. No keys, limits, metering, deadlines, checksums,
fallbacks, errors or tools.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import uvicorn
import uvloop
from yarl import URL

from workloads.gateway.signing import Credentials, Signer
from workloads.gateway.upstream import client_session

PATH = "/model/amazon.nova-lite-v1%3A0/converse"
HEADERS = [(b"content-type", b"text/event-stream")]


class Converter:
    """The ASGI application."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._host = url.removeprefix("http://")
        self._signer = Signer(
            service="bedrock", region="us-east-2", credentials=lambda: Credentials("id", "secret")
        )

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        request = orjson.loads((await receive())["body"])
        stream = request.get("stream")
        path = PATH + "-stream" if stream else PATH
        body = orjson.dumps(
            {
                "messages": [
                    {"role": m["role"], "content": [{"text": m["content"]}]}
                    for m in request["messages"]
                ],
                "inferenceConfig": {"maxTokens": request["max_tokens"]},
            }
        )
        headers = {"content-type": "application/json", "host": self._host}
        signed = self._signer.sign(path, body, headers)
        url = URL(self._url + path, encoded=True)
        async with self._session.post(url, data=body, headers=signed) as response:
            if stream:
                await self._relay(response, send)
            else:
                await self._whole(await response.read(), send)

    async def _whole(self, body: bytes, send: Callable[[Any], Awaitable[None]]) -> None:
        answer = orjson.loads(body)
        message = {
            "role": "assistant",
            "content": answer["output"]["message"]["content"][0]["text"],
        }
        usage = answer["usage"]
        body = orjson.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": "nova",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": usage["inputTokens"],
                    "completion_tokens": usage["outputTokens"],
                    "total_tokens": usage["totalTokens"],
                },
            }
        )
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _relay(
        self, response: aiohttp.ClientResponse, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        head = (
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":%d,'
            b'"model":"nova","choices":[' % int(time.time())
        )
        buffer = b""
        async for data in response.content.iter_any():
            buffer += data
            start, chunks = 0, []
            while len(buffer) - start >= 12:
                total = int.from_bytes(buffer[start : start + 4], "big")
                if len(buffer) - start < total:
                    break
                headers = int.from_bytes(buffer[start + 4 : start + 8], "big")
                event = orjson.loads(buffer[start + 12 + headers : start + total - 4])
                start += total
                if "delta" in event:
                    text = orjson.dumps(event["delta"]["text"])
                    chunks.append(
                        b'%b{"index":0,"delta":{"content":%b},"finish_reason":null}]}\n\n'
                        % (head, text)
                    )
                elif "stopReason" in event:
                    chunks.append(head + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
            buffer = buffer[start:]
            if chunks:
                body = b"".join(chunks)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def main(url: str) -> None:
    """Serve until killed."""
    async with client_session() as session:
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        config = uvicorn.Config(
            Converter(session, url),
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        print(f"minimal listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
