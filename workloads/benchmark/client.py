"""One streamed request to a server with OpenAI's API, and the moments at which it answered."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from workloads.benchmark.plan import Prompt

Api = Literal["chat", "completions"]

NO_TEXT = "no text"  # a whole answer without a token in it: the model may end at once


class Failed(Exception):
    """The request failed; the text is the kind of failure, of which there are few."""


@dataclass(kw_only=True)
class Outcome:
    """What became of one request; times are time.perf_counter()'s seconds.

    `intended` is when the plan wanted it sent: latency counts from there, so that a client or
    server that falls behind shows in it. `chunks` are the moments at which text arrived; servers
    may put several tokens into one.
    """

    intended: float
    sent: float
    ended: float = 0.0
    chunks: list[float] = field(default_factory=list)
    prompt_tokens: int | None = None  # as the server counts them
    output_tokens: int | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Client:
    """How one server is asked."""

    session: aiohttp.ClientSession
    url: str  # ends in /v1
    model: str
    api: Api
    timeout: float  # seconds from the intended moment to the end of the answer
    extra: dict[str, Any]  # added to every request's body

    async def ask(self, prompt: Prompt, intended: float) -> Outcome:
        """Send it now and read the whole answer; a failure is part of the outcome."""
        outcome = Outcome(intended=intended, sent=time.perf_counter())
        try:
            async with asyncio.timeout(intended + self.timeout - outcome.sent):
                await self._stream(prompt, outcome)
        except TimeoutError:
            outcome.failure = "timeout"
        except Failed as failure:
            outcome.failure = str(failure)
        except aiohttp.ClientConnectorError:
            outcome.failure = "no connection"
        except (aiohttp.ClientError, ConnectionError):
            outcome.failure = "connection lost"
        outcome.ended = time.perf_counter()
        return outcome

    async def _stream(self, prompt: Prompt, outcome: Outcome) -> None:
        body = {
            "model": self.model,
            "max_tokens": prompt.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.extra,
        }
        if self.api == "chat":
            path, content = "chat/completions", [{"role": "user", "content": prompt.text}]
            body["messages"] = content
        else:
            path = "completions"
            body["prompt"] = prompt.text
        async with self.session.post(f"{self.url}/{path}", json=body) as response:
            if response.status != 200:
                raise Failed(f"HTTP {response.status}")
            if response.content_type != "text/event-stream":
                raise Failed(f"not a stream but {response.content_type}")
            async for event in _events(response.content):
                self._note(event, outcome)
        if not outcome.chunks:
            raise Failed(NO_TEXT)

    def _note(self, event: dict[str, Any], outcome: Outcome) -> None:
        if "error" in event:
            raise Failed("error in the stream")
        if usage := event.get("usage"):
            outcome.prompt_tokens = usage.get("prompt_tokens")
            outcome.output_tokens = usage.get("completion_tokens")
        for choice in event.get("choices") or ():
            text = choice.get("text") or (choice.get("delta") or {}).get("content")
            if text:
                outcome.chunks.append(time.perf_counter())


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The events' objects up to [DONE]; Failed if the stream ends without it."""
    while line := await content.readline():
        name, _, data = line.partition(b":")
        if name != b"data":
            continue
        if (data := data.strip()) == b"[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            raise Failed("an event that is no object")
        yield event
    raise Failed("stream cut off")
