"""Models that are not Bedrock's, held to a Bedrock guardrail: what is asked and what is said.

As with Bedrock's own, all messages but the system's are checked before the model is asked, and its
text and reasoning before they are sent; besides, images, what tools gave, and the arguments they
are called with.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from workloads.gateway.backends.guarded_content import spoken, told
from workloads.gateway.backends.guarded_embeddings import check_input
from workloads.gateway.backends.guarded_stream import Passage, blocked_answer, said_by
from workloads.gateway.backends.openai_form import chat_body
from workloads.gateway.call import Backend, Call, Json
from workloads.gateway.caller import Caller, guardrail_of
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.errors import bad_request, unavailable
from workloads.gateway.guardrails import Guard
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.surfaces.links import Link
from workloads.gateway.usage import Usage


class Guarded:
    """A `backend` behind the tenant's guardrail, else `guardrail`; without either it is as it is.

    `guard` is None where the gateway needs nothing else of AWS: then a tenant's guardrail, which
    comes from outside of the gateway's file, cannot be applied, and its requests are refused.
    """

    def __init__(
        self, backend: Backend, *, name: str, guard: Guard | None, guardrail: GuardrailConfig | None
    ) -> None:
        self._backend = backend
        self._name = name
        self._guard = guard
        self._guardrail = guardrail
        self.settles = backend.settles

    async def complete(self, call: Call) -> bytes:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is None:
            return await self._backend.complete(call)
        guard, checked = self._applied(), CheckedCall(call)
        if (blocked := await checked.check(guard, guardrail)) is not None:
            call.usage = Usage(0, 0)
            return call.answer(self._name, blocked_answer(blocked, call.usage))
        try:
            await self._backend.complete(checked)
        finally:
            call.usage = checked.usage
        content = spoken(checked.answered)
        verdict = await guard.check(guardrail, "OUTPUT", content.texts)
        if verdict.blocked is not None:
            usage = call.usage or Usage(0, 0)
            return call.answer(self._name, blocked_answer(verdict.blocked, usage))
        content.fill(verdict.texts)
        return call.answer(self._name, checked.answered)

    def stream(self, call: Call) -> AsyncGenerator[bytes]:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is None:
            return self._backend.stream(call)
        return self._stream(call, guardrail)

    async def _stream(self, call: Call, guardrail: GuardrailConfig) -> AsyncGenerator[bytes]:
        guard, checked = self._applied(), CheckedCall(call)
        passage = Passage(guard, guardrail, call.writer(self._name))
        try:
            if (blocked := await checked.check(guard, guardrail)) is not None:
                checked.usage = Usage(0, 0)
                yield passage.block(blocked)
            else:
                async with aclosing(self._backend.stream(checked)) as stream:
                    async for _ in stream:
                        if written := await passage.pass_on(checked.take()):
                            yield written
                if written := await passage.pass_on(checked.take()):
                    yield written
        finally:
            call.usage = checked.usage
            passage.close()
        call.ending = passage.finish(call.usage or Usage(0, 0))

    async def count_tokens(self, call: Call) -> int:
        return await self._backend.count_tokens(call)

    async def embed(self, call: EmbeddingCall) -> bytes:
        guardrail = guardrail_of(call.caller, self._guardrail)
        if guardrail is not None:
            await check_input(call, self._applied(), guardrail)
        return await self._backend.embed(call)

    def _applied(self) -> Guard:
        if self._guard is None:
            raise unavailable(
                "this key's guardrail cannot be applied here: there is no AWS account"
            )
        return self._guard


class CheckedCall:
    """A call as a guarded backend sees it: its answer is kept, in Converse's form, to be checked.

    Raises ApiError 400 for what a checked answer cannot have.
    """

    relayed = False
    choices = 1

    def __init__(self, call: Call) -> None:
        self.caller: Caller | None = call.caller
        self.model = call.model
        self.stream = call.stream
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = {**chat_body(call)}
        self.answered: Json = {}
        self._events: list[tuple[str, Json]] = []
        if self.chat.get("n") not in (None, 1):
            raise bad_request("behind a guardrail this model gives one choice; n must be 1", "n")
        if self.chat.get("logprobs"):
            raise bad_request("behind a guardrail this model gives no logprobs", "logprobs")

    async def check(self, guard: Guard, guardrail: GuardrailConfig) -> str | None:
        """Hold the messages against the guardrail, and mask them where it masks.

        Gives what is said instead of an answer where they may not pass.
        """
        assert self.chat is not None
        try:  # a copy, as another model may be asked the same after this one
            messages = orjson.loads(orjson.dumps(self.chat["messages"]))
        except orjson.JSONEncodeError:
            raise bad_request("messages are nested too deeply", "messages") from None
        content = told(messages)
        verdict = await guard.check(guardrail, "INPUT", content.texts, content.images)
        if verdict.blocked is None:
            content.fill(verdict.texts)
            self.chat["messages"] = messages
        return verdict.blocked

    def take(self) -> list[tuple[str, Json]]:
        """The events of the stream since the last time."""
        events, self._events = self._events, []
        return events

    def links(self) -> list[Link]:
        return []  # they were fetched before any backend is asked

    def converse_request(self) -> Json:
        raise NotImplementedError  # what it says is in `chat` already

    def answer(self, model: str, answer: Json) -> bytes:
        spoken(answer)  # raises what may be raised here
        self.answered = answer
        return b""

    def writer(self, model: str) -> "CheckedCall":
        return self

    def write(self, kind: str, event: Json) -> bytes:
        if (said := said_by(event.get("delta") or {})) and not isinstance(said[1], str):
            raise TypeError("a text that is none")
        self._events.append((kind, event))
        return b"."  # so that whoever reads the stream takes it

    def finish(self) -> bytes:
        return b""
