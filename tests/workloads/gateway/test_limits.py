import pytest

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.limits import Limits


def tenant(name: str = "a", **limits: int) -> TenantConfig:
    return TenantConfig(name=name, key_sha256="0" * 64, **limits)


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(limits: Limits, who: TenantConfig) -> int:
    with pytest.raises(ApiError) as caught:
        limits.admit(who)
    assert caught.value.status == 429
    return caught.value.retry_after


def test_a_minute_of_requests_may_come_at_once_and_then_evenly():
    clock = Clock()
    limits, who = Limits(clock), tenant(requests_per_minute=6)

    for _ in range(6):
        limits.admit(who)
    assert refused(limits, who) == 10

    clock.now += 10
    limits.admit(who)
    assert refused(limits, who) == 10


def test_tokens_are_charged_after_the_answer_and_waited_for_before_the_next():
    clock = Clock()
    limits, who = Limits(clock), tenant(tokens_per_minute=60)

    limits.admit(who)
    limits.charge(who, 89)
    assert refused(limits, who) == 30

    clock.now += 30
    limits.admit(who)


def test_a_request_refused_for_tokens_is_not_counted_as_a_request():
    clock = Clock()
    limits, who = Limits(clock), tenant(tokens_per_minute=60, requests_per_minute=1)
    limits.charge(who, 60)
    refused(limits, who)

    clock.now += 1

    limits.admit(who)


def test_tenants_do_not_share_their_limits():
    limits = Limits(Clock())
    limits.admit(tenant("a", requests_per_minute=1))

    limits.admit(tenant("b", requests_per_minute=1))


def test_without_limits_everything_is_admitted():
    limits, who = Limits(Clock()), tenant()

    for _ in range(1000):
        limits.admit(who)
        limits.charge(who, 10**9)
