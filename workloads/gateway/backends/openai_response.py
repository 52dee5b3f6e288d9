"""What a server with OpenAI's API answers, in Converse's form."""

from typing import Any

import orjson

from workloads.gateway.backends.sse import EventReader
from workloads.gateway.call import Call, Json
from workloads.gateway.usage import Usage

_STOP_REASONS = {
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filtered",
}


def converse_answer(completion: Json) -> Json:
    """A `chat.completion` as Converse's answer.

    Raises KeyError, TypeError, IndexError or ValueError where it is none.
    """
    choice = completion["choices"][0]
    message = choice["message"]
    content: list[Json] = []
    if reasoning := message.get("reasoning_content") or message.get("reasoning"):
        content.append({"reasoningContent": {"reasoningText": {"text": reasoning}}})
    if text := message.get("content") or message.get("refusal"):
        content.append({"text": text})
    for call in message.get("tool_calls") or []:
        function = call["function"]
        use = {"toolUseId": call["id"], "name": function["name"]}
        content.append({"toolUse": {**use, "input": orjson.loads(function["arguments"] or "{}")}})
    usage = Usage.from_openai(completion.get("usage")) or Usage(0, 0)
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _stop_reason(choice.get("finish_reason")),
        "usage": usage.to_converse(),
        "metrics": {"latencyMs": 0},
    }


class Rewriter(EventReader):
    """Turns the chunks of a server's stream into the events of ConverseStream, and writes them.

    OpenAI's deltas name no content block; one ends where a delta of another kind begins.
    """

    def __init__(self, call: Call, name: str, model: str) -> None:
        super().__init__(call, name)
        self._writer = call.writer(model)
        self._block = -1
        self._open: Any = None  # the kind of the block being written, with its index for a tool
        self._reason: str | None = None
        self._started = False

    def finish(self) -> bytes:
        super().finish()
        usage = self._call.usage or Usage(0, 0)
        end = {"usage": usage.to_converse(), "metrics": {"latencyMs": 0}}
        return (
            self._begin()
            + self._close()
            + self._writer.write("messageStop", {"stopReason": _stop_reason(self._reason)})
            + self._writer.write("metadata", end)
            + self._writer.finish()
        )

    def _written(self, chunk: Json, event: bytes) -> bytes:
        choices = chunk.get("choices")
        if not choices:
            return b""
        self._reason = choices[0].get("finish_reason") or self._reason
        delta = choices[0].get("delta") or {}
        parts = [self._begin()]
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            parts.append(self._delta("reasoning", {"reasoningContent": {"text": reasoning}}))
        if text := delta.get("content") or delta.get("refusal"):
            parts.append(self._delta("text", {"text": text}))
        for call in delta.get("tool_calls") or []:
            parts.append(self._tool(call))
        return b"".join(parts)

    def _begin(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return self._writer.write("messageStart", {"role": "assistant"})

    def _tool(self, call: Json) -> bytes:
        function = call.get("function") or {}
        kind = ("tool", call.get("index", 0))
        written = b""
        if self._open != kind:
            use = {"toolUseId": call["id"], "name": function["name"]}
            written = self._close()
            self._open, self._block = kind, self._block + 1
            start = {"contentBlockIndex": self._block, "start": {"toolUse": use}}
            written += self._writer.write("contentBlockStart", start)
        if arguments := function.get("arguments"):
            written += self._delta(kind, {"toolUse": {"input": arguments}})
        return written

    def _delta(self, kind: Any, delta: Json) -> bytes:
        before = b""
        if self._open != kind:
            before = self._close()
            self._open, self._block = kind, self._block + 1
        event = {"contentBlockIndex": self._block, "delta": delta}
        return before + self._writer.write("contentBlockDelta", event)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return self._writer.write("contentBlockStop", {"contentBlockIndex": self._block})


def _stop_reason(reason: Any) -> str:
    return _STOP_REASONS.get(str(reason), "end_turn")
