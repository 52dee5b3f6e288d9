"""When a backend is asked again, and when it is left alone."""

import pytest

from workloads.gateway.errors import ApiError, bad_request, throttled, unavailable
from workloads.gateway.resilience import (
    ATTEMPTS,
    FAILURES_TO_OPEN,
    LONGEST_WAIT_SECONDS,
    OPEN_SECONDS,
    RETRIES_SAVED,
    RETRY_SHARE,
    Breaker,
    RetryBudget,
)

DOWN = unavailable("down")


class Clock:
    """Time that stands still unless it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker("own", None, clock)
    for _ in range(FAILURES_TO_OPEN):
        breaker.enter()
        breaker.failed(DOWN)
        breaker.leave()
    return breaker, clock


@pytest.mark.parametrize("error", [throttled("slow"), DOWN, unavailable("cut", 502)])
def test_what_may_pass_is_tried_again_a_little_later_each_time(error):
    waits = [RetryBudget().wait(error, attempt) for attempt in range(1, ATTEMPTS + 1)]

    assert waits[-1] is None
    assert all(0 < wait <= LONGEST_WAIT_SECONDS for wait in waits[:-1])


@pytest.mark.parametrize(
    "error",
    [
        bad_request("no"),
        unavailable("too late", 504),
        throttled("slow", 3),
        ApiError(429, "a tenant's own limit"),
    ],
)
def test_what_does_not_pass_soon_is_not_tried_again(error):
    assert RetryBudget().wait(error, 1) is None


def test_a_short_pause_that_the_backend_wants_is_kept():
    assert RetryBudget().wait(throttled("slow", 2), 1) == 2


def test_retries_never_become_the_load():
    budget = RetryBudget()
    spent = sum(budget.wait(DOWN, 1) is not None for _ in range(1000))
    assert spent == RETRIES_SAVED

    for _ in range(1000):
        budget.earn()
        spent += budget.wait(DOWN, 1) is not None

    assert spent == pytest.approx(RETRIES_SAVED + 1000 * RETRY_SHARE, abs=2)


def test_a_backend_that_fails_again_and_again_is_left_alone_for_a_while():
    breaker, clock = opened()

    with pytest.raises(ApiError, match="again and again") as caught:
        breaker.enter()
    assert (caught.value.status, caught.value.elsewhere) == (503, True)
    assert 0 < caught.value.retry_after <= OPEN_SECONDS + 1
    clock.now += OPEN_SECONDS
    breaker.enter()  # one tries
    with pytest.raises(ApiError):
        breaker.enter()  # and the others wait for it
    breaker.answered()
    breaker.enter()


def test_a_trial_that_fails_keeps_it_closed():
    breaker, clock = opened()
    clock.now += OPEN_SECONDS
    breaker.enter()
    breaker.failed(DOWN)

    with pytest.raises(ApiError):
        breaker.enter()
    clock.now += OPEN_SECONDS
    breaker.enter()


@pytest.mark.parametrize("error", [bad_request("no"), throttled("slow")])
def test_a_backend_that_refuses_or_throttles_has_not_failed(error):
    breaker = Breaker("own", None)
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed(DOWN)
    breaker.failed(error)
    breaker.failed(DOWN)

    breaker.enter()


def test_no_more_requests_than_a_model_takes_at_a_time():
    breaker = Breaker("own", 2)
    breaker.enter()
    breaker.enter()
    with pytest.raises(ApiError, match="as many requests as it may") as caught:
        breaker.enter()
    assert (caught.value.status, caught.value.retry_after) == (429, 1)

    breaker.leave()
    breaker.enter()
