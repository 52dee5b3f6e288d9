"""What Bedrock's own guardrail leaves out of a request to Converse, and what clients could.

It reads no results of tools and no arguments that they are called with, so ApplyGuardrail is asked
about these; and where a client marks parts as `guardContent`, it reads nothing but them, so they
are marked no more. From the user guide, "Include a guardrail with the Converse API":
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
"""

from collections.abc import Iterator
from typing import Any

import orjson

from workloads.gateway.backends.guarded_call import CheckedCall
from workloads.gateway.backends.guarded_content import Content
from workloads.gateway.call import Call, Json
from workloads.gateway.config import GuardrailConfig
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import bad_request
from workloads.gateway.guardrails import Guard, Image


class CheckedTools(CheckedCall):
    """A call of a model of Bedrock, of which only tools are checked. Raises ApiError 400."""

    forms = frozenset({"arguments"})

    def __init__(
        self, call: Call, request: Json, name: str, guard: Guard, guardrail: GuardrailConfig
    ) -> None:
        super().__init__(call, name, guard, guardrail)
        self.request: Json = orjson.loads(encoded(request))  # a copy, as it is masked

    def asked(self) -> Content:
        content = Content()
        for block in _blocks(self.request):
            match block:
                case {"toolUse": {"input": _} as use}:
                    content.json(use, "input")
                case {"toolResult": {"content": list(parts)}}:
                    for part in _objects(parts):
                        _result(content, part)
        return content

    def said(self, answer: Json) -> Content:
        content = Content()
        for block in answer["output"]["message"]["content"]:
            if "toolUse" in block:
                content.json(block["toolUse"], "input")
        return content


def without_marks(request: Json) -> None:
    """Have all of a request checked, whatever parts its client marks."""
    for key in ("messages", "system"):
        if isinstance(parts := request.get(key), list):
            request[key] = [_unmarked(part) for part in parts]


def _unmarked(part: Any) -> Any:
    match part:
        case {"content": list(blocks)} if any("guardContent" in b for b in _objects(blocks)):
            return {**part, "content": [_unmarked(block) for block in blocks]}
        case {"guardContent": {"text": {"text": text}}}:
            return {"text": text}
        case {"guardContent": {"image": image}}:
            return {"image": image}
    return part


def _result(content: Content, part: Json) -> None:
    match part:
        case {"text": str()}:
            content.text(part, "text")
        case {"json": _}:
            content.json(part, "json")
        case {"searchResult": {"content": list(found)}}:
            for text in _objects(found):
                _result(content, text)
        case {"image": {"format": "png" | "jpeg" as kind, "source": {"bytes": str(data)}}}:
            content.images.append(Image(kind, data))
        case {"image": _}:
            raise bad_request(
                "behind a guardrail an image that a tool gave must be a PNG or JPEG, as bytes"
            )


def _blocks(request: Json) -> Iterator[Json]:
    for message in _objects(request.get("messages")):
        yield from _objects(message.get("content"))


def _objects(values: Any) -> Iterator[Json]:
    """What fits; the rest is Bedrock's to refuse."""
    return (v for v in values if isinstance(v, dict)) if isinstance(values, list) else iter(())
