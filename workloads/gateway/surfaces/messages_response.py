"""What Bedrock's Converse and ConverseStream answer, in the form of Anthropic's Messages."""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.surfaces.citations import citation, cited_text
from workloads.gateway.surfaces.events import around_each, typed_event, without_line_ends
from workloads.gateway.usage import Usage

# Reasons not named here are called the same, or are an "end_turn".
_STOP_REASONS = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}


def message(answer: Json, *, id: str, model: str) -> bytes:
    """The message of `model` for Converse's answer.

    Raises KeyError, TypeError or AttributeError where the answer is none of Converse's.
    """
    content: list[Json] = []
    for block in answer["output"]["message"]["content"]:
        if "text" in block:
            content.append({"type": "text", "text": block["text"]})
        elif "citationsContent" in block:
            cited = block["citationsContent"]
            citations = [said for given in cited["citations"] if (said := citation(given))]
            content.append({"type": "text", "text": cited_text(cited), "citations": citations})
        elif "toolUse" in block:
            use = block["toolUse"]
            call = {"id": use["toolUseId"], "name": use["name"], "input": use.get("input") or {}}
            content.append({"type": "tool_use", **call})
        elif "reasoningContent" in block:
            content.append(_thinking(block["reasoningContent"]))
    stop = _stop(answer["stopReason"], answer.get("additionalModelResponseFields"))
    usage = _usage(Usage.from_converse(answer.get("usage")))
    return orjson.dumps({**_head(id, model), "content": content, **stop, "usage": usage})


def _thinking(reasoning: Json) -> Json:
    if "redactedContent" in reasoning:
        return {"type": "redacted_thinking", "data": reasoning["redactedContent"]}
    text = reasoning["reasoningText"]
    signature = text.get("signature") or ""
    return {"type": "thinking", "thinking": text["text"], "signature": signature}


def _head(id: str, model: str) -> Json:
    return {"id": id, "type": "message", "role": "assistant", "model": model}


def _stop(reason: str, more: Any) -> Json:
    sequence = more.get("stop_sequence") if isinstance(more, dict) else None
    return {
        "stop_reason": _STOP_REASONS.get(reason, "end_turn"),
        "stop_sequence": sequence if isinstance(sequence, str) else None,
    }


def _usage(usage: Usage | None) -> Json:
    usage = usage or Usage(0, 0)
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }


class EventWriter:
    """Writes the events of one ConverseStream of `model` as those of a streamed message.

    Converse counts tokens at the end, so `message_start` says zero and `message_delta` says all,
    which SDKs take for the whole. It also leaves out the start of most blocks, which Anthropic's
    clients need.
    """

    def __init__(self, *, id: str, model: str) -> None:
        self._head = _head(id, model)
        self._started = False
        self._blocks: dict[int, int] = {}  # a content block: its index here, once it has begun
        self._stop = _stop("end_turn", None)
        self._usage: Usage | None = None

    def write(self, kind: str, event: Json) -> bytes:
        """The events for one of type `kind`; empty before the first piece of content."""
        match kind:
            case "contentBlockDelta":
                return self._delta(event["contentBlockIndex"], event["delta"])
            case "contentBlockStart":
                if use := event["start"].get("toolUse"):
                    call = {"id": use["toolUseId"], "name": use["name"], "input": {}}
                    return self._begin(event["contentBlockIndex"], {"type": "tool_use", **call})
            case "contentBlockStop":
                if (index := self._blocks.get(event["contentBlockIndex"])) is not None:
                    return typed_event("content_block_stop", {"index": index})
            case "messageStop":
                self._stop = _stop(event["stopReason"], event.get("additionalModelResponseFields"))
            case "metadata":
                self._usage = Usage.from_converse(event.get("usage"))
        return b""

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        block = events[0]["contentBlockIndex"]
        if any(event["contentBlockIndex"] != block for event in events):
            return b"".join([self.write("contentBlockDelta", event) for event in events])
        begun = self._begin(block, {"type": "text", "text": ""})
        before = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":' % self._blocks[block]
        )
        return begun + without_line_ends(around_each(texts, before, b"}}\n\n"))

    def finish(self) -> bytes:
        end = {"delta": self._stop, "usage": _usage(self._usage)}
        return (
            self._message_start()
            + typed_event("message_delta", end)
            + typed_event("message_stop", {})
        )

    def _delta(self, block: int, delta: Json) -> bytes:
        if "text" in delta:
            before = self._begin(block, {"type": "text", "text": ""})
            change = {"type": "text_delta", "text": delta["text"]}
        elif "toolUse" in delta:
            before = b""
            change = {"type": "input_json_delta", "partial_json": delta["toolUse"]["input"]}
        elif "reasoningContent" in delta:
            reasoning = delta["reasoningContent"]
            if "redactedContent" in reasoning:
                return self._begin(block, _thinking(reasoning))
            before = self._begin(block, {"type": "thinking", "thinking": "", "signature": ""})
            if "signature" in reasoning:
                change = {"type": "signature_delta", "signature": reasoning["signature"]}
            else:
                change = {"type": "thinking_delta", "thinking": reasoning["text"]}
        elif said := citation(delta.get("citation") or {}):
            before = self._begin(block, {"type": "text", "text": "", "citations": []})
            change = {"type": "citations_delta", "citation": said}
        else:  # of what Anthropic's form has no words for
            return b""
        index = self._blocks[block]
        return before + typed_event("content_block_delta", {"index": index, "delta": change})

    def _begin(self, block: int, content: Json) -> bytes:
        if block in self._blocks:
            return b""
        index = self._blocks[block] = len(self._blocks)
        start = {"index": index, "content_block": content}
        return self._message_start() + typed_event("content_block_start", start)

    def _message_start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        nothing = {"stop_reason": None, "stop_sequence": None, "usage": _usage(None)}
        return typed_event("message_start", {"message": {**self._head, "content": [], **nothing}})
