"""When a backend is asked again, and when it is left alone for a while."""

import random
import time
from collections.abc import Callable

from workloads.gateway.errors import ApiError, throttled, unavailable

ATTEMPTS = 3  # rounds over a chain of models
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2.0  # a backend that wants a longer pause is not asked again
RETRY_SHARE = 0.1  # of the requests may be retries, so that they never become the load
RETRIES_SAVED = 20.0

FAILURES_TO_OPEN = 10  # one after another, without a success between
OPEN_SECONDS = 5.0


class RetryBudget:
    """Retries that may be spent: each request earns a share of one."""

    def __init__(self) -> None:
        self._level = RETRIES_SAVED

    def earn(self) -> None:
        """A request has come."""
        self._level = min(RETRIES_SAVED, self._level + RETRY_SHARE)

    def wait(self, error: ApiError, attempt: int) -> float | None:
        """Seconds to wait before another round after `attempt` of them; None: give up."""
        if attempt >= ATTEMPTS or not error.elsewhere or error.status not in (429, 502, 503):
            return None
        seconds = FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)
        seconds = max(seconds, error.retry_after or 0)
        if seconds > LONGEST_WAIT_SECONDS or self._level < 1:
            return None
        self._level -= 1
        return seconds


class Breaker:
    """Lets requests to one backend through, at most `concurrency` of them at a time.

    After `FAILURES_TO_OPEN` failures in a row it refuses them at once for `OPEN_SECONDS`; then one
    may try, and decides for the others. A throttled backend has not failed: it answers.
    """

    def __init__(
        self, name: str, concurrency: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._concurrency = concurrency
        self._clock = clock
        self._failures = 0
        self._closed_at = 0.0  # when a request may try again
        self.in_flight = 0

    @property
    def state(self) -> int:
        """0: requests go through; 1: one may try; 2: all are refused."""
        if self._failures < FAILURES_TO_OPEN:
            return 0
        return 2 if self._clock() < self._closed_at else 1

    def enter(self) -> None:
        """Begin a request, which must `leave`. Raises ApiError where it may not."""
        if self._concurrency is not None and self.in_flight >= self._concurrency:
            raise throttled(f"the model {self._name!r} has as many requests as it may", 1)
        if self._failures >= FAILURES_TO_OPEN:
            now = self._clock()
            if now < self._closed_at:
                wait = int(self._closed_at - now) + 1
                raise unavailable(f"the model {self._name!r} has failed again and again", 503, wait)
            self._closed_at = now + OPEN_SECONDS  # this one tries, the others wait for it
        self.in_flight += 1

    def leave(self) -> None:
        """The request is over, however it ended."""
        self.in_flight -= 1

    def answered(self) -> None:
        """The backend has answered, if only with an error of the client's."""
        self._failures = 0

    def failed(self, error: ApiError) -> None:
        """The backend has answered nothing of use."""
        if not error.elsewhere or error.status == 429:
            self._failures = 0
            return
        self._failures += 1
        if self._failures == FAILURES_TO_OPEN:
            self._closed_at = self._clock() + OPEN_SECONDS
