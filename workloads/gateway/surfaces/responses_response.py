"""What Bedrock's Converse and ConverseStream answer, in the form of OpenAI's Responses.

Every block of Converse is an item of its own: a message, a function call or reasoning.
"""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.surfaces.citations import cited_text
from workloads.gateway.surfaces.events import typed_event
from workloads.gateway.usage import Usage

# Why a response is incomplete; reasons not named here complete it.
_INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def response(answer: Json, head: Json) -> bytes:
    """The response for Converse's answer; `head` is what is known of it before.

    Raises KeyError, TypeError or AttributeError where the answer is none of Converse's.
    """
    output: list[Json] = []
    for block in answer["output"]["message"]["content"]:
        id = f"{head['id']}_{len(output)}"
        if "text" in block:
            output.append(_message(id, block["text"]))
        elif "citationsContent" in block:
            output.append(_message(id, cited_text(block["citationsContent"])))
        elif "toolUse" in block:
            use = block["toolUse"]
            output.append(_call(id, use, orjson.dumps(use.get("input") or {}).decode()))
        elif "reasoningContent" in block:
            text = block["reasoningContent"].get("reasoningText", {}).get("text", "")
            output.append(_reasoning(id, text))
    usage = Usage.from_converse(answer.get("usage"))
    return orjson.dumps({**head, **_status(answer["stopReason"]), **_end(output, usage)})


def _message(id: str, text: str | None, status: str = "completed") -> Json:
    content = [] if text is None else [_part(text)]
    return {"id": id, "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(id: str, use: Json, arguments: str, status: str = "completed") -> Json:
    call = {"call_id": use["toolUseId"], "name": use["name"], "arguments": arguments}
    return {"id": id, "type": "function_call", "status": status, **call}


def _reasoning(id: str, text: str | None, status: str = "completed") -> Json:
    content = [] if text is None else [{"type": "reasoning_text", "text": text}]
    return {"id": id, "type": "reasoning", "status": status, "summary": [], "content": content}


def _status(reason: str) -> Json:
    if (why := _INCOMPLETE.get(reason)) is None:
        return {"status": "completed"}
    return {"status": "incomplete", "incomplete_details": {"reason": why}}


def _end(output: list[Json], usage: Usage | None) -> Json:
    counted: Json | None = None
    if usage is not None:
        prompt = usage.input + usage.cache_read + usage.cache_write
        cached = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
        counted = {
            "input_tokens": prompt,
            "input_tokens_details": cached,
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": 0},  # Converse does not tell them apart
            "total_tokens": prompt + usage.output,
        }
    return {"output": output, "usage": counted}


class ResponseWriter:
    """Writes the events of one ConverseStream as a response's. `number` is the next one's."""

    def __init__(self, head: Json) -> None:
        self._head = head
        self.number = 0
        self._output: list[Json] = []
        self._block: int | None = None  # the content block that is open
        self._kind = ""  # of its item
        self._use: Json = {}
        self._text: list[str] = []
        self._stop = "end_turn"
        self._usage: Usage | None = None

    def write(self, kind: str, event: Json) -> bytes:
        """The events for one of type `kind`; nothing before the first piece of content.

        Raises KeyError, TypeError or AttributeError where the event is none of Converse's.
        """
        match kind:
            case "contentBlockDelta":
                return self._delta(event["contentBlockIndex"], event["delta"])
            case "contentBlockStart":
                if use := event["start"].get("toolUse"):
                    return self._open(event["contentBlockIndex"], "function_call", use)
            case "contentBlockStop":
                if event["contentBlockIndex"] == self._block:
                    return self._close()
            case "messageStop":
                self._stop = event["stopReason"]
                return self._begin()
            case "metadata":
                self._usage = Usage.from_converse(event.get("usage"))
        return b""

    def write_texts(self, events: list[Json], texts: list[str]) -> bytes:
        return b"".join([self.write("contentBlockDelta", event) for event in events])

    def finish(self) -> bytes:
        written = self._begin() + self._close()
        status = _status(self._stop)
        whole = {**self._head, **status, **_end(self._output, self._usage)}
        return written + self._event(f"response.{status['status']}", response=whole)

    def _event(self, kind: str, **content: Any) -> bytes:
        number, self.number = self.number, self.number + 1
        return typed_event(kind, {"sequence_number": number, **content})

    def _begin(self) -> bytes:
        if self.number:
            return b""
        begun = {**self._head, "status": "in_progress", "output": [], "usage": None}
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    @property
    def _place(self) -> Json:
        return {"item_id": self._id, "output_index": len(self._output)}

    @property
    def _id(self) -> str:
        return f"{self._head['id']}_{len(self._output)}"

    def _item(self, text: str | None, status: str) -> Json:
        if self._kind == "message":
            return _message(self._id, text, status)
        if self._kind == "reasoning":
            return _reasoning(self._id, text, status)
        return _call(self._id, self._use, text or "", status)

    def _open(self, block: int, kind: str, use: Json | None = None) -> bytes:
        if block == self._block and kind == self._kind:
            return b""
        written = self._begin() + self._close()
        self._block, self._kind, self._use, self._text = block, kind, use or {}, []
        item = self._item(None, "in_progress")
        index = len(self._output)
        written += self._event("response.output_item.added", output_index=index, item=item)
        if kind == "message":
            place = {**self._place, "content_index": 0}
            written += self._event("response.content_part.added", **place, part=_part(""))
        return written

    def _delta(self, block: int, delta: Json) -> bytes:
        if "text" in delta:
            written, text = self._open(block, "message"), delta["text"]
            kind, more = "response.output_text.delta", {"content_index": 0, "logprobs": []}
        elif "toolUse" in delta:
            written, text = b"", delta["toolUse"]["input"]
            kind, more = "response.function_call_arguments.delta", {}
        elif text := delta.get("reasoningContent", {}).get("text"):
            written = self._open(block, "reasoning")
            kind, more = "response.reasoning_text.delta", {"content_index": 0}
        else:  # signatures, citations
            return b""
        self._text.append(text)
        return written + self._event(kind, **self._place, **more, delta=text)

    def _close(self) -> bytes:
        """End the item that is open, if one is."""
        if self._block is None:
            return b""
        text = "".join(self._text)
        place = {**self._place, "content_index": 0}
        if self._kind == "message":
            written = self._event("response.output_text.done", **place, text=text, logprobs=[])
            written += self._event("response.content_part.done", **place, part=_part(text))
        elif self._kind == "reasoning":
            written = self._event("response.reasoning_text.done", **place, text=text)
        else:
            text = text or "{}"
            written = self._event(
                "response.function_call_arguments.done", **self._place, arguments=text
            )
        item = self._item(text, "completed")
        index = len(self._output)
        written += self._event("response.output_item.done", output_index=index, item=item)
        self._output.append(item)
        self._block = None
        return written
