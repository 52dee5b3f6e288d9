"""Server-sent events that carry their type twice, as Anthropic's and OpenAI's Responses do."""

import re

import orjson

from workloads.gateway.call import Json

# Line ends of Unicode: allowed in JSON and in an event, but clients that cut text into lines with
# Python's splitlines, as httpx does for LiteLLM, would lose the event.
_LINE_ENDS = re.compile(rb"\xe2\x80[\xa8\xa9]|\xc2\x85")


def typed_event(kind: str, content: Json) -> bytes:
    """One event of type `kind`."""
    data = without_line_ends(orjson.dumps({"type": kind, **content}))
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def around_each(texts: list[str], before: bytes, after: bytes) -> bytes:
    """Every text as JSON, with the same before and after it.

    All of them in one call: indented JSON has every element of a list on a line of its own, and no
    string in it has a line break.
    """
    lines = orjson.dumps(texts, option=orjson.OPT_INDENT_2)[4:-2]
    return before + lines.replace(b",\n  ", after + before) + after


def without_line_ends(data: bytes) -> bytes:
    """JSON with Unicode's line ends as escapes."""
    return _LINE_ENDS.sub(_escaped, data)


def _escaped(line_end: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(line_end[0].decode())
