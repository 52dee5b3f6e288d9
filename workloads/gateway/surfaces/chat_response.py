"""What Bedrock's Converse and ConverseStream answer, in OpenAI's form."""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.surfaces.citations import cited_text
from workloads.gateway.surfaces.events import around_each
from workloads.gateway.usage import Usage

# Reasons not named here are a plain "stop".
FINISH_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def completion(answers: list[Json], *, id: str, created: int, model: str) -> bytes:
    """The `chat.completion` of `model`, a choice for each of Converse's answers.

    Raises KeyError, TypeError or AttributeError where one of them is none of Converse's.
    """
    counted = [usage for answer in answers if (usage := Usage.from_converse(answer.get("usage")))]
    usage = Usage(*map(sum, zip(*counted, strict=True))) if counted else None
    return orjson.dumps(
        {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [_choice(index, answer) for index, answer in enumerate(answers)],
            "usage": usage.to_openai() if usage else None,
        }
    )


def _choice(index: int, answer: Json) -> Json:
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[Json] = []
    for block in answer["output"]["message"]["content"]:
        if "text" in block:
            text.append(block["text"])
        elif "citationsContent" in block:
            text.append(cited_text(block["citationsContent"]))
        elif "toolUse" in block:
            use = block["toolUse"]
            arguments = orjson.dumps(use.get("input") or {}).decode()
            function = {"name": use["name"], "arguments": arguments}
            calls.append({"id": use["toolUseId"], "type": "function", "function": function})
        elif "reasoningContent" in block:
            reasoning.append(block["reasoningContent"].get("reasoningText", {}).get("text", ""))
    message: Json = {"role": "assistant", "content": "".join(text), "refusal": None}
    if calls:
        message |= {"content": message["content"] or None, "tool_calls": calls}
    if any(reasoning):
        message["reasoning_content"] = "".join(reasoning)
    finish_reason = FINISH_REASONS.get(answer["stopReason"], "stop")
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish_reason}


class ChunkWriter:
    """Writes the events of one ConverseStream of `model` as `chat.completion.chunk` events.

    The fixed parts of a chunk are rendered once; per event only the new text is.
    """

    def __init__(
        self, *, id: str, created: int, model: str, include_usage: bool, index: int = 0
    ) -> None:
        self._include_usage = include_usage
        self._head = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":['
            % (orjson.dumps(id), created, orjson.dumps(model))
        )
        self._delta = self._head + b'{"index":%d,"delta":' % index
        self._end = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"
        self._tail = b',"logprobs":null,"finish_reason":null}' + self._end
        self._started = False
        self._tools: dict[int, int] = {}  # index of a content block: index of its tool call
        self._without_input: set[int] = set()  # content blocks of calls without arguments so far

    def write(self, kind: str, event: dict[str, Any]) -> bytes:
        """The chunks for one event of type `kind`; empty before the first piece of content.

        Raises KeyError, TypeError or AttributeError where the event is none of Converse's.
        """
        match kind:
            case "contentBlockDelta":
                return self._content(event["contentBlockIndex"], event["delta"])
            case "contentBlockStart":
                if use := event["start"].get("toolUse"):
                    return self._tool(event["contentBlockIndex"], use)
            case "contentBlockStop":
                block = event["contentBlockIndex"]
                if block in self._without_input:  # a call of a tool that takes nothing
                    self._without_input.discard(block)
                    return self._arguments(block, "{}")
            case "messageStop":
                reason = FINISH_REASONS.get(event["stopReason"], "stop")
                finish = b'{},"logprobs":null,"finish_reason":%b}' % orjson.dumps(reason)
                return self._begin() + self._delta + finish + self._end
            case "metadata":
                if self._include_usage and (usage := Usage.from_converse(event.get("usage"))):
                    return self._head + b'],"usage":%b}\n\n' % orjson.dumps(usage.to_openai())
        return b""  # messageStart, and whatever Bedrock may add

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        return self._begin() + around_each(texts, self._delta + b'{"content":', b"}" + self._tail)

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    def _content(self, block: int, delta: dict[str, Any]) -> bytes:
        if "text" in delta:
            content = b'{"content":%b}' % orjson.dumps(delta["text"])
        elif "toolUse" in delta:
            fragment = delta["toolUse"]["input"]
            if not fragment:
                return b""
            self._without_input.discard(block)
            return self._arguments(block, fragment)
        elif reasoning := delta.get("reasoningContent", {}).get("text"):
            content = b'{"reasoning_content":%b}' % orjson.dumps(reasoning)
        else:  # signatures, citations
            return b""
        return self._begin() + self._delta + content + self._tail

    def _tool(self, block: int, use: dict[str, Any]) -> bytes:
        index = self._tools[block] = len(self._tools)
        self._without_input.add(block)
        function = {"name": use["name"], "arguments": ""}
        call = {"index": index, "id": use["toolUseId"], "type": "function", "function": function}
        delta = orjson.dumps({"tool_calls": [call]})
        return self._begin() + self._delta + delta + self._tail

    def _arguments(self, block: int, fragment: str) -> bytes:
        call = {"index": self._tools[block], "function": {"arguments": fragment}}
        return self._delta + orjson.dumps({"tool_calls": [call]}) + self._tail

    def _begin(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return self._delta + b'{"role":"assistant","content":""}' + self._tail


class ChoiceWriter(ChunkWriter):
    """Writes one of several choices; what is said once for all of them is not its to say."""

    def write(self, kind: str, event: Json) -> bytes:
        return b"" if kind == "metadata" else super().write(kind, event)

    def finish(self) -> bytes:
        return b""
