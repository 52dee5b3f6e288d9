"""Server-sent events that carry their type twice, as Anthropic's and OpenAI's Responses do."""

import re

import orjson

from workloads.gateway.call import Json

# Line ends of Unicode: allowed in JSON and in an event, but clients that cut text into lines with
# Python's splitlines, as httpx does for LiteLLM, would lose the event.
_LINE_ENDS = re.compile(rb"\xe2\x80[\xa8\xa9]|\xc2\x85")


def typed_event(kind: str, content: Json) -> bytes:
    """One event of type `kind`."""
    data = _LINE_ENDS.sub(_escaped, orjson.dumps({"type": kind, **content}))
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _escaped(line_end: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(line_end[0].decode())
