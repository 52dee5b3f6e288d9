"""A call behind a guardrail that the gateway itself applies, before the model and after it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from workloads.gateway.backends.guarded_content import Content
from workloads.gateway.backends.guarded_stream import Form, Passage, blocked_answer, said_by
from workloads.gateway.call import Call, Json
from workloads.gateway.caller import Caller
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.guardrails import Guard
from workloads.gateway.surfaces.links import Link
from workloads.gateway.usage import Usage


class CheckedCall:
    """A `call` as its backend sees it: the answer is kept, in Converse's form, to be checked.

    `forms` of what is said are checked; `asked` and `said` tell what of a request and of an answer.
    """

    relayed = False
    choices = 1
    forms: frozenset[Form]

    def __init__(self, call: Call, name: str, guard: Guard, guardrail: GuardrailConfig) -> None:
        self.caller: Caller | None = call.caller
        self.model = call.model
        self.stream = call.stream
        self.usage: Usage | None = None
        self.ending = b""
        self.chat: Json | None = call.chat
        self._call = call
        self._name = name
        self._guard = guard
        self._guardrail = guardrail
        self._answered: Json = {}
        self._events: list[tuple[str, Json]] = []

    def asked(self) -> Content:
        """What to check of the request, which is masked in place. Raises ApiError 400."""
        raise NotImplementedError

    def said(self, answer: Json) -> Content:
        """What to check of an answer. Raises KeyError or TypeError where it is no answer."""
        raise NotImplementedError

    async def completed(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `ask` answers to this call, or what the guardrail says instead."""
        if (blocked := await self._may_not_be_asked()) is not None:
            self._call.usage = Usage(0, 0)
            return self._call.answer(self._name, blocked_answer(blocked, Usage(0, 0)))
        try:
            await ask()
        finally:
            self._call.usage = self.usage
        content = self.said(self._answered)
        verdict = await self._guard.check(self._guardrail, "OUTPUT", content.texts)
        if verdict.blocked is not None:
            usage = self.usage or Usage(0, 0)
            return self._call.answer(self._name, blocked_answer(verdict.blocked, usage))
        content.fill(verdict.texts)
        return self._call.answer(self._name, self._answered)

    async def streamed(self, ask: Callable[[], AsyncGenerator[bytes]]) -> AsyncGenerator[bytes]:
        """The same in pieces, all but the ending."""
        writer = self._call.writer(self._name)
        passage = Passage(self._guard, self._guardrail, writer, self.forms)
        try:
            if (blocked := await self._may_not_be_asked()) is not None:
                self.usage = Usage(0, 0)
                yield passage.block(blocked)
            else:
                async with aclosing(ask()) as stream:
                    async for _ in stream:
                        if written := await passage.pass_on(self._take()):
                            yield written
                if written := await passage.pass_on(self._take()):
                    yield written
        finally:
            self._call.usage = self.usage
            passage.close()
        self._call.ending = passage.finish(self.usage or Usage(0, 0))

    async def _may_not_be_asked(self) -> str | None:
        """What is said instead of an answer, unless the request may pass, masked perhaps."""
        content = self.asked()
        verdict = await self._guard.check(self._guardrail, "INPUT", content.texts, content.images)
        if verdict.blocked is None:
            content.fill(verdict.texts)
        return verdict.blocked

    def _take(self) -> list[tuple[str, Json]]:
        events, self._events = self._events, []
        return events

    def links(self) -> list[Link]:
        return []  # they were fetched before any backend is asked

    def converse_request(self) -> Json:
        raise NotImplementedError  # the backend has it already

    def answer(self, model: str, answer: Json) -> bytes:
        self.said(answer)  # raises what may be raised here
        self._answered = answer
        return b""

    def writer(self, model: str) -> "CheckedCall":
        return self

    def write(self, kind: str, event: Json) -> bytes:
        if (said := said_by(event.get("delta") or {})) and not isinstance(said[1], str):
            raise TypeError("a text that is none")
        self._events.append((kind, event))
        return b"."  # so that whoever reads the stream takes it

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        self._events += [("contentBlockDelta", event) for event in events]
        return b"."

    def finish(self) -> bytes:
        return b""
