"""Headers that tell a client what is left of its limits, as the SDK of its API knows them."""

import time

from workloads.gateway.limits import Level

Headers = list[tuple[bytes, bytes]]

_KINDS = (b"requests", b"tokens")
_PARTS = (b"limit", b"remaining", b"reset")
_OPENAI = [[b"x-ratelimit-%b-%b" % (part, kind) for part in _PARTS] for kind in _KINDS]
_ANTHROPIC = [[b"anthropic-ratelimit-%b-%b" % (kind, part) for part in _PARTS] for kind in _KINDS]


def openai_headers(*levels: Level | None) -> Headers:
    """`x-ratelimit-…` of requests and tokens; the reset is a duration such as 12ms or 6m0s."""
    headers: Headers = []
    for (limit, remaining, reset), level in zip(_OPENAI, levels, strict=True):
        if level is not None:
            headers += (
                (limit, b"%d" % level.limit),
                (remaining, b"%d" % level.remaining),
                (reset, _duration(level.reset)),
            )
    return headers


def anthropic_headers(*levels: Level | None) -> Headers:
    """`anthropic-ratelimit-…`; the reset is a time as in RFC 3339."""
    headers: Headers = []
    for (limit, remaining, reset), level in zip(_ANTHROPIC, levels, strict=True):
        if level is not None:
            whole = time.gmtime(time.time() + level.reset + 1)
            headers += (
                (limit, b"%d" % level.limit),
                (remaining, b"%d" % level.remaining),
                (reset, time.strftime("%Y-%m-%dT%H:%M:%SZ", whole).encode()),
            )
    return headers


def _duration(seconds: float) -> bytes:
    if seconds < 1:
        return b"%dms" % round(seconds * 1000)
    minutes, rest = divmod(seconds, 60)
    return (
        (b"%dm" % minutes if minutes else b"")
        + f"{rest:.3f}".rstrip("0").rstrip(".").encode()
        + b"s"
    )
