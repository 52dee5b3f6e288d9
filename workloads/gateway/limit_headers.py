"""Headers that tell a client what is left of its limits, as the SDK of its API knows them."""

import time
from collections.abc import Iterator

from workloads.gateway.limits import Level


def openai_headers(requests: Level | None, tokens: Level | None) -> Iterator[tuple[bytes, bytes]]:
    """`x-ratelimit-…`; the reset is a duration such as 12ms or 6m0s."""
    for kind, level in ((b"requests", requests), (b"tokens", tokens)):
        if level is not None:
            yield b"x-ratelimit-limit-" + kind, b"%d" % level.limit
            yield b"x-ratelimit-remaining-" + kind, b"%d" % level.remaining
            yield b"x-ratelimit-reset-" + kind, _duration(level.reset)


def anthropic_headers(
    requests: Level | None, tokens: Level | None
) -> Iterator[tuple[bytes, bytes]]:
    """`anthropic-ratelimit-…`; the reset is a time as in RFC 3339."""
    for kind, level in ((b"requests", requests), (b"tokens", tokens)):
        if level is not None:
            reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + level.reset + 1))
            yield b"anthropic-ratelimit-" + kind + b"-limit", b"%d" % level.limit
            yield b"anthropic-ratelimit-" + kind + b"-remaining", b"%d" % level.remaining
            yield b"anthropic-ratelimit-" + kind + b"-reset", reset.encode()


def _duration(seconds: float) -> bytes:
    if seconds < 1:
        return b"%dms" % round(seconds * 1000)
    minutes, rest = divmod(seconds, 60)
    return (
        (b"%dm" % minutes if minutes else b"")
        + f"{rest:.3f}".rstrip("0").rstrip(".").encode()
        + b"s"
    )
