"""`/v1/usage`: which days are asked for, and whose rows are told."""

from datetime import date

import pytest

from workloads.gateway.errors import ApiError
from workloads.gateway.usage_report import DAYS, MOST_DAYS, period

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        (b"", date(2026, 10, 24), TODAY),
        (b"to=2026-03-01", date(2026, 1, 31), date(2026, 3, 1)),
        (b"from=2026-11-22", TODAY, TODAY),
        (b"from=2026-01-01&to=2026-12-31", date(2026, 1, 1), date(2026, 12, 31)),
        (b"from=2024-01-01&to=2024-12-31", date(2024, 1, 1), date(2024, 12, 31)),
        (b"to=0001-01-02", date(1, 1, 1), date(1, 1, 2)),
    ],
)
def test_what_is_not_said_are_the_last_days(query, since, until):
    assert period(query, TODAY) == (since, until)
    assert DAYS == 30


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (b"from=yesterday", "from = 'yesterday' is not a day such as 2026-01-31"),
        (b"from=2026-02-30", "from = '2026-02-30' is not a day"),
        (b"to=20261122", "to = '20261122' is not a day"),
        (b"to=", "to = '' is not a day"),
        (b"to=2026-W47-7", "to = '2026-W47-7' is not a day"),
        (b"from=%ff%00", "is not a day"),
        (b"from=2026-11-23", "from = 2026-11-23 is after to = 2026-11-22; swap them"),
        (b"from=2025-01-01&to=2026-01-02", f"more than {MOST_DAYS} days; ask for fewer"),
        (b"from=2026-11-01&from=2026-11-02", "from is given twice"),
        (b"tenant=other", "the parameter 'tenant' is unknown; from and to are known"),
    ],
)
def test_what_cannot_be_a_period_is_refused_with_a_sentence(query, sentence):
    with pytest.raises(ApiError) as caught:
        period(query, TODAY)

    assert caught.value.status == 400
    assert sentence in caught.value.message
