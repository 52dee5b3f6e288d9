import pytest

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.estimate import Estimate
from workloads.gateway.limits import UNLIMITED_OUTPUT, Limits


def tenant(name: str = "a", **limits: int) -> TenantConfig:
    return TenantConfig(name=name, key_sha256="0" * 64, **limits)


class Counted(Limits):
    """Limits without the awaiting, which those of one process never do."""

    def reserve(self, tenant, estimate):
        waiting = super().reserve(tenant, estimate)
        with pytest.raises(StopIteration) as done:
            waiting.send(None)
        return done.value.value

    def settle(self, tenant, reserved, used):
        super().settle(tenant, reserved, used, at=0)


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def asking(tokens: int) -> Estimate:
    return Estimate(tokens, 0)


def refused(limits: Limits, who: TenantConfig, estimate: Estimate) -> int | None:
    with pytest.raises(ApiError) as caught:
        limits.reserve(who, estimate)
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    return caught.value.retry_after


def test_a_minute_of_requests_may_come_at_once_and_then_evenly():
    clock = Clock()
    limits, who = Counted(clock), tenant(requests_per_minute=6)

    for _ in range(6):
        limits.reserve(who, asking(1))
    assert refused(limits, who, asking(1)) == 10

    clock.now += 10
    limits.reserve(who, asking(1))
    assert refused(limits, who, asking(1)) == 10


def test_the_most_a_request_may_take_is_reserved_and_the_rest_comes_back():
    limits, who = Counted(Clock()), tenant(tokens_per_minute=60)

    reserved = limits.reserve(who, Estimate(10, 40))
    assert refused(limits, who, asking(11)) == 1
    limits.settle(who, reserved, 20)

    limits.reserve(who, asking(40))
    assert refused(limits, who, asking(1)) == 1


def test_an_answer_that_took_more_than_was_reserved_is_waited_for():
    clock = Clock()
    limits, who = Counted(clock), tenant(tokens_per_minute=60)
    limits.settle(who, limits.reserve(who, asking(60)), 89)

    assert refused(limits, who, asking(1)) == 30

    clock.now += 30
    limits.reserve(who, asking(1))


def test_a_request_that_never_fits_is_told_so_and_not_to_try_again():
    limits, who = Counted(Clock()), tenant(tokens_per_minute=60)

    with pytest.raises(ApiError, match="may take 61 tokens, and the limit is 60") as caught:
        limits.reserve(who, Estimate(21, 40))

    assert (caught.value.status, caught.value.retry, caught.value.retry_after) == (429, False, None)
    limits.reserve(who, Estimate(20, 40))


@pytest.mark.parametrize("limit", [60, 10 * UNLIMITED_OUTPUT])
def test_an_answer_without_a_limit_of_its_own_reserves_some(limit):
    limits, who = Counted(Clock()), tenant(tokens_per_minute=limit)

    reserved = limits.reserve(who, Estimate(20, None))

    assert reserved == min(limit, 20 + UNLIMITED_OUTPUT)


def test_a_request_refused_for_tokens_is_not_counted_as_a_request():
    clock = Clock()
    limits, who = Counted(clock), tenant(tokens_per_minute=60, requests_per_minute=2)
    limits.reserve(who, asking(60))
    refused(limits, who, asking(1))

    clock.now += 1

    limits.reserve(who, asking(1))


def test_and_one_refused_as_a_request_takes_no_tokens():
    limits, who = Counted(Clock()), tenant(tokens_per_minute=60, requests_per_minute=1)
    limits.reserve(who, asking(1))

    refused(limits, who, asking(50))

    assert [level.remaining for level in limits.levels(who)] == [0, 59]


def test_levels_say_what_is_left_and_when_it_is_whole_again():
    clock = Clock()
    limits, who = Counted(clock), tenant(requests_per_minute=6, tokens_per_minute=60)
    limits.reserve(who, asking(45))

    requests, tokens = limits.levels(who)

    assert (requests.limit, requests.remaining, requests.reset) == (6, 5, pytest.approx(10))
    assert (tokens.limit, tokens.remaining, tokens.reset) == (60, 15, pytest.approx(45))
    assert limits.levels(tenant("b")) == (None, None)


def test_tenants_do_not_share_their_limits():
    limits = Counted(Clock())
    limits.reserve(tenant("a", requests_per_minute=1), asking(1))

    limits.reserve(tenant("b", requests_per_minute=1), asking(1))


def test_without_limits_everything_is_admitted():
    limits, who = Counted(Clock()), tenant()

    for _ in range(1000):
        limits.settle(who, limits.reserve(who, Estimate(10**9, None)), 10**9)
