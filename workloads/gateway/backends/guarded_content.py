"""What a guardrail is asked about: the texts and images of a conversation, where they stand."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.errors import bad_request
from workloads.gateway.guardrails import MOST_IMAGE_BYTES, Image

_DATA_URI = re.compile(r"data:[^,]*;base64,")
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


class Content:
    """Texts and images in their order. `fill` puts texts, masked perhaps, where they were."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images: list[Image] = []
        self._fills: list[Callable[[Iterator[str]], None]] = []

    def fill(self, texts: list[str]) -> None:
        """As many as `texts` are, in the same order."""
        left = iter(texts)
        for fill in self._fills:
            fill(left)

    def text(self, holder: Json, key: str) -> None:
        """The text under a key."""
        self.texts.append(holder[key])
        self._fills.append(lambda texts: holder.update({key: next(texts)}))

    def json(self, holder: Json, key: str) -> None:
        """The JSON value under a key: every text, number and name of a field is a text of its own.

        So it is read without escapes, and is JSON still where something of it is masked.
        """
        value = holder[key]
        orjson.dumps(value)  # raises TypeError where it is nested too deeply
        self.texts += _leaves(value)
        self._fills.append(lambda texts: holder.update({key: _refilled(value, texts)}))

    def arguments(self, holder: Json, key: str) -> None:
        """JSON written as text, as OpenAI's arguments of tools are; left as it is if unmasked."""
        try:
            value = orjson.loads(holder[key])
            orjson.dumps(value)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # or nested too deeply
            return self.text(holder, key)
        self.texts += _leaves(value)

        def fill(texts: Iterator[str]) -> None:
            if (filled := _refilled(value, texts)) != value:
                holder[key] = orjson.dumps(filled).decode()

        self._fills.append(fill)
        return None


def told(messages: Any) -> Content:
    """Of a request's `messages` in OpenAI's form, but the system's. Raises ApiError 400.

    What a guardrail cannot read, such as sound or a GIF, is refused by name.
    """
    content = Content()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            raise bad_request(f"{where} is not an object", where)
        if message.get("role") in ("system", "developer"):
            continue
        for key in ("content", "reasoning_content", "reasoning", "refusal"):
            _told(content, message, key, where)
        calls = message.get("tool_calls") or ()
        if not isinstance(calls, list | tuple):
            raise bad_request(f"{where}.tool_calls is not a list", f"{where}.tool_calls")
        functions = [call.get("function") for call in calls if isinstance(call, dict)]
        for function in (*functions, message.get("function_call")):
            if isinstance(function, dict) and "arguments" in function:
                is_text = isinstance(function["arguments"], str)
                (content.arguments if is_text else content.json)(function, "arguments")
    return content


def spoken(answer: Json) -> Content:
    """Of Converse's answer: text, reasoning and the arguments of tools.

    Raises KeyError or TypeError where it is none of Converse's.
    """
    content = Content()
    for block in answer["output"]["message"]["content"]:
        if "text" in block:
            content.text(block, "text")
        elif "reasoningContent" in block:
            content.text(block["reasoningContent"]["reasoningText"], "text")
        elif "toolUse" in block:
            content.json(block["toolUse"], "input")
    if not all(isinstance(text, str) for text in content.texts):
        raise TypeError("a text that is none")
    return content


def _told(content: Content, message: Json, key: str, where: str) -> None:
    value = message.get(key)
    if isinstance(value, str):
        content.text(message, key)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _part(content, part, f"{where}.{key}[{number}]")
    elif value is not None:
        raise bad_request(f"{where}.{key} is neither text nor a list", f"{where}.{key}")


def _part(content: Content, part: Any, where: str) -> None:
    said = {k: v for k, v in part.items() if k not in _ASIDE} if isinstance(part, dict) else {}
    match said:
        case {"text": str()} if len(said) == 1:
            content.text(part, "text")
        case {"refusal": str()} if len(said) == 1:
            content.text(part, "refusal")
        case {"image_url": {"url": str(url)}} if len(said) == 1:
            content.images.append(_image(url, where))
        case _:
            raise bad_request(
                f"{where}: behind a guardrail this model takes text and images", where
            )


_ASIDE = ("type", "cache_control")


def _image(url: str, where: str) -> Image:
    """By its first bytes, whatever it is called."""
    if match := _DATA_URI.match(url):
        data = url[match.end() :]
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            content = b""
        kind = next((k for start, k in _SIGNATURES.items() if content.startswith(start)), None)
        if kind is not None and len(content) <= MOST_IMAGE_BYTES:
            return Image(kind, data)
    raise bad_request(
        f"{where}: behind a guardrail an image must be a PNG or JPEG of up to "
        f"{MOST_IMAGE_BYTES:,} bytes, as data:image/png;base64,…",
        where,
    )


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _refilled(value: Any, texts: Iterator[str]) -> Any:
    """The value with the next texts in the places of its own."""
    if isinstance(value, dict):
        return {next(texts): _refilled(inner, texts) for inner in value.values()}
    if isinstance(value, list):
        return [_refilled(inner, texts) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    text = next(texts)
    return value if text == str(value) else text
