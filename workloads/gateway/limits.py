"""Requests and tokens per minute, counted in this process by token buckets."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.estimate import Estimate


class Level(NamedTuple):
    """What is left of one limit, and the seconds until it is whole again."""

    limit: int
    remaining: int
    reset: float


class Limiter(Protocol):
    """Limits of this process, or of all of them together."""

    async def reserve(self, tenant: TenantConfig, estimate: Estimate) -> int:
        """Count one request; the tokens that were taken for it, which `settle` corrects.

        Raises ApiError 429 with the seconds to wait, where that helps.
        """

    def settle(self, tenant: TenantConfig, reserved: int, used: int, at: float) -> None:
        """The tokens that a request of that time really took, instead of the reserved ones."""

    def levels(self, tenant: TenantConfig) -> tuple[Level | None, Level | None]:
        """Of requests and of tokens, where there is a limit; after `reserve`."""


class Bucket:
    """Holds one minute's worth and fills evenly. Below zero it has to be waited for."""

    __slots__ = ("_filled_at", "_per_minute", "left")

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_minute = per_minute
        self._filled_at = now
        self.left = float(per_minute)

    def fill(self, per_minute: int, now: float) -> float:
        """What can be taken of `left` by now; `per_minute` may have been changed since."""
        left = self.left + (now - self._filled_at) * per_minute / 60
        self._per_minute, self._filled_at = per_minute, now
        self.left = left = left if left < per_minute else float(per_minute)
        return left

    def level(self) -> Level:
        """As of the last `fill`."""
        limit, left = self._per_minute, self.left
        return Level(limit, int(left) if left > 0 else 0, (limit - left) * 60 / limit)


class Limits:
    """What each tenant may still do.

    A request takes its estimated input and the most it may be answered with, as Bedrock does, and
    gets back what it did not need; so however many are open, no more is used than is allowed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: dict[str, Bucket] = {}
        self._tokens: dict[str, Bucket] = {}

    async def reserve(self, tenant: TenantConfig, estimate: Estimate) -> int:
        now = self._clock()
        tokens, bucket = 0, None
        if limit := tenant.tokens_per_minute:
            tokens = needed(estimate, limit)
            bucket = self._tokens.get(tenant.name)
            if bucket is None:
                bucket = self._tokens[tenant.name] = Bucket(limit, now)
            if (left := bucket.fill(limit, now)) < tokens:
                raise too_many("tokens", limit, (tokens - left) * 60 / limit)
        if limit := tenant.requests_per_minute:
            requests = self._requests.get(tenant.name)
            if requests is None:
                requests = self._requests[tenant.name] = Bucket(limit, now)
            if (left := requests.fill(limit, now)) < 1:
                raise too_many("requests", limit, (1 - left) * 60 / limit)
            requests.left -= 1
        if bucket is not None:
            bucket.left -= tokens
        return tokens

    def settle(self, tenant: TenantConfig, reserved: int, used: int, at: float) -> None:
        bucket = self._tokens.get(tenant.name)
        if bucket is not None and (limit := tenant.tokens_per_minute):
            if used > reserved:  # of what there is by now, not of what did not fit in
                bucket.fill(limit, self._clock())
            bucket.left += reserved - used

    def levels(self, tenant: TenantConfig) -> tuple[Level | None, Level | None]:
        requests = self._requests.get(tenant.name) if tenant.requests_per_minute else None
        tokens = self._tokens.get(tenant.name) if tenant.tokens_per_minute else None
        return requests.level() if requests else None, tokens.level() if tokens else None


def needed(estimate: Estimate, limit: int) -> int:
    """The tokens to reserve under a limit per minute. Raises ApiError 429 where none suffice."""
    tokens = estimate.input + (estimate.output or 0)
    if tokens > limit:
        raise ApiError(
            429,
            f"Request too large: with its max_tokens it may take {tokens} tokens, and the limit is "
            f"{limit} per minute. Ask for less; trying again does not help.",
            type="tokens",
            code="rate_limit_exceeded",
            retry=False,
        )
    return tokens if estimate.output is not None else min(limit, tokens + UNLIMITED_OUTPUT)


def too_many(what: str, per_minute: int, seconds: float) -> ApiError:
    """429: the limit of `what` is reached, and there is room after these seconds."""
    wait = max(1, math.ceil(seconds))
    return ApiError(
        429,
        f"Rate limit reached: {per_minute} {what} per minute. Try again in {wait} s.",
        type=what,
        code="rate_limit_exceeded",
        retry_after=wait,
    )


# Reserved for an answer whose length the client leaves open.
UNLIMITED_OUTPUT = 1024
