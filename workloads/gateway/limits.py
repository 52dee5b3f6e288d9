"""Requests and tokens per minute, counted in this process by token buckets."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_at: float

    def fill(self, per_minute: int, now: float) -> float:
        self.level = min(per_minute, self.level + (now - self.filled_at) * per_minute / 60)
        self.filled_at = now
        return self.level


class Limits:
    """What each tenant may still do. A bucket holds one minute's worth and fills evenly.

    A request is admitted while the token bucket is above zero; the tokens it really took are
    taken out after it, so a long answer is paid for by waiting longer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: dict[str, _Bucket] = {}
        self._tokens: dict[str, _Bucket] = {}

    def admit(self, tenant: TenantConfig) -> None:
        """Count one request. Raises ApiError 429 with Retry-After where it is one too many."""
        now = self._clock()
        if tokens := tenant.tokens_per_minute:
            level = self._bucket(self._tokens, tenant.name, tokens, now).fill(tokens, now)
            if level <= 0:
                raise _too_many("tokens", tokens, (1 - level) * 60 / tokens)
        if requests := tenant.requests_per_minute:
            bucket = self._bucket(self._requests, tenant.name, requests, now)
            level = bucket.fill(requests, now)
            if level < 1:
                raise _too_many("requests", requests, (1 - level) * 60 / requests)
            bucket.level -= 1

    def charge(self, tenant: TenantConfig, tokens: int) -> None:
        """Take the tokens of an answer out of the tenant's bucket."""
        if per_minute := tenant.tokens_per_minute:
            now = self._clock()
            bucket = self._bucket(self._tokens, tenant.name, per_minute, now)
            bucket.fill(per_minute, now)
            bucket.level -= tokens

    @staticmethod
    def _bucket(buckets: dict[str, _Bucket], tenant: str, per_minute: int, now: float) -> _Bucket:
        bucket = buckets.get(tenant)
        if bucket is None:
            bucket = buckets[tenant] = _Bucket(level=per_minute, filled_at=now)
        return bucket


def _too_many(what: str, per_minute: int, seconds: float) -> ApiError:
    wait = max(1, math.ceil(seconds))
    return ApiError(
        429,
        f"Rate limit reached: {per_minute} {what} per minute. Try again in {wait} s.",
        type=what,
        code="rate_limit_exceeded",
        retry_after=wait,
    )
