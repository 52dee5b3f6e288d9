"""JSON that is read, and written again."""

from typing import Any

import orjson

from workloads.gateway.errors import bad_request

MOST_LEVELS = 254  # orjson writes no more; it reads 1,024


def decoded(text: bytes) -> Any:
    """The JSON of a request. Raises ApiError 400 for none, and where it is nested too deeply."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the request is not JSON: {error}") from None
    if text.count(b"[") + text.count(b"{") > MOST_LEVELS:  # else it cannot be that deep
        encoded(value)
    return value


def encoded(value: Any) -> bytes:
    """A request, or a part of one, as JSON. Raises ApiError 400 where it is nested too deeply."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise bad_request(
            f"the request is nested too deeply; {MOST_LEVELS} levels can be sent on"
        ) from None
