"""The stream of a model that is not Bedrock's, held against a guardrail piece by piece.

The two ways are those of Bedrock's `streamProcessingMode`. "sync": nothing is sent before it was
checked. "async": everything is sent at once and checked meanwhile; nothing is masked, and what
comes after something that may not pass is not sent. The arguments of a tool are one piece.
"""

import asyncio
from typing import Literal

from workloads.gateway.backends.guarded_content import Content
from workloads.gateway.call import Json, Writer
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.guardrails import Guard, Verdict, word_end
from workloads.gateway.usage import Usage

# Characters in a piece. Every one is charged as a whole text unit of 1,000, so only the first ones
# are shorter, for the reader's sake; each is twice as long as the one before.
FIRST_PIECE = 125
LONGEST_PIECE = 1000

Event = tuple[str, Json]
Form = Literal["text", "reasoning", "arguments"]


class Passage:
    """Between the events of one answer and their `writer`; `forms` of deltas are checked.

    Once something was blocked, the rest of the answer is read to its end, where its usage stands,
    but not passed on.
    """

    def __init__(
        self, guard: Guard, guardrail: GuardrailConfig, writer: Writer, forms: frozenset[Form]
    ) -> None:
        self._guard = guard
        self._guardrail = guardrail
        self._writer = writer
        self._forms = forms
        self._waits = guardrail.stream_mode == "sync"
        self._piece = FIRST_PIECE
        self._text: list[str] = []  # of the block that is open, not yet checked
        self._form: Form = "text"
        self._start: Event | None = None  # of a tool that is not yet checked
        self._characters = 0
        self._checks: list[asyncio.Task[Verdict]] = []  # under way beside what is sent
        self._block = -1  # the last one of which something was sent
        self._open = False
        self._stop: Event | None = None  # how the answer ends
        self._end: Json | None = None  # its metadata
        self._blocked = False

    async def pass_on(self, events: list[Event]) -> bytes:
        """What the client gets for `events`. Raises ApiError if they cannot be checked."""
        return b"".join([await self._event(kind, event) for kind, event in events])

    def block(self, text: str) -> bytes:
        """Say `text` instead of the rest."""
        self._blocked = True
        self._stop = ("messageStop", {"stopReason": "guardrail_intervened"})
        self._text, self._characters = [], 0
        written = b""
        if self._block < 0:
            written = self._writer.write("messageStart", {"role": "assistant"})
        if self._open:
            written += self._write("contentBlockStop", {"contentBlockIndex": self._block})
        block = self._block + 1
        written += self._write("contentBlockDelta", _delta(block, "text", text))
        return written + self._write("contentBlockStop", {"contentBlockIndex": block})

    def finish(self, usage: Usage) -> bytes:
        """The end of the answer, after its last event."""
        end = self._end or {"usage": usage.to_converse(), "metrics": {"latencyMs": 0}}
        return (
            (self._writer.write(*self._stop) if self._stop else b"")
            + self._writer.write("metadata", end)
            + self._writer.finish()
        )

    def close(self) -> None:
        """Leave nothing under way behind."""
        for check in self._checks:
            check.cancel()

    async def _event(self, kind: str, event: Json) -> bytes:
        if kind == "metadata":
            self._end = event
        if self._blocked or kind == "metadata":
            return b""
        if not self._waits:
            for check in [check for check in self._checks if check.done()]:
                if (blocked := (await check).blocked) is not None:
                    return self.block(blocked)
                self._checks.remove(check)
        if kind == "messageStop":
            self._stop = (kind, event)
            for check in self._checks:
                if (blocked := (await check).blocked) is not None:
                    return self.block(blocked)
            return b""
        if kind == "contentBlockStart" and self._waits and "toolUse" in event["start"]:
            self._start = (kind, event)
            return b""
        written = b""
        said = said_by(event["delta"]) if kind == "contentBlockDelta" else None
        if said is not None and said[0] in self._forms:
            form, text = said
            self._text.append(text)
            self._characters += len(text)
            if self._characters >= self._piece and form != "arguments":
                written = await self._check(event["contentBlockIndex"], form, whole=False)
                self._piece = min(2 * self._piece, LONGEST_PIECE)
            self._form = form
            if self._waits:
                return written
        elif kind == "contentBlockStop":
            if self._text:
                written = await self._check(event["contentBlockIndex"], self._form, whole=True)
            elif self._start is not None:  # a tool without arguments
                written = self._begun()
        return written if self._blocked else written + self._write(kind, event)

    async def _check(self, block: int, form: Form, *, whole: bool) -> bytes:
        """Have the text checked, the `whole` or up to a word's end; what is sent of it."""
        text = "".join(self._text)
        stop = len(text) if whole else word_end(text)
        self._text = [text[stop:]] if stop < len(text) else []
        self._characters = len(text) - stop
        delta: Json = {form: text[:stop]}
        content = Content()
        (content.arguments if form == "arguments" else content.text)(delta, form)
        check = self._guard.check(self._guardrail, "OUTPUT", content.texts)
        if not self._waits:
            self._checks.append(asyncio.create_task(check))
            return b""
        verdict = await check
        if verdict.blocked is not None:
            return self.block(verdict.blocked)
        content.fill(verdict.texts)
        return self._begun() + self._write("contentBlockDelta", _delta(block, form, delta[form]))

    def _begun(self) -> bytes:
        """The begin of the tool whose arguments have passed."""
        start, self._start = self._start, None
        return b"" if start is None else self._write(*start)

    def _write(self, kind: str, event: Json) -> bytes:
        if "contentBlockIndex" in event:
            self._block = event["contentBlockIndex"]
            self._open = kind != "contentBlockStop"
        return self._writer.write(kind, event)


def blocked_answer(text: str, usage: Usage) -> Json:
    """Converse's answer where something may not pass."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "guardrail_intervened",
        "usage": usage.to_converse(),
        "metrics": {"latencyMs": 0},
    }


def said_by(delta: Json) -> tuple[Form, str] | None:
    """The form and the text of a delta that says something."""
    if "text" in delta:
        return "text", delta["text"]
    if text := delta.get("reasoningContent", {}).get("text"):
        return "reasoning", text
    if fragment := delta.get("toolUse", {}).get("input"):
        return "arguments", fragment
    return None


def _delta(block: int, form: Form, text: str) -> Json:
    match form:
        case "text":
            delta: Json = {"text": text}
        case "reasoning":
            delta = {"reasoningContent": {"text": text}}
        case _:
            delta = {"toolUse": {"input": text}}
    return {"contentBlockIndex": block, "delta": delta}
