from datetime import date

import pytest

from workloads.support import Support, notices

KUBERNETES = Support(
    subject="Kubernetes 1.34",
    warn_from=date(2026, 10, 3),
    ends=date(2027, 12, 2),
    meanwhile="it costs more",
    instead="take a newer one",
    source="the calendar",
)
PYTHON = Support(
    subject="Python 3.10",
    warn_from=date(2026, 5, 1),
    ends=date(2026, 10, 31),
    meanwhile="security fixes only",
    instead="there is nothing newer",
    source="the schedule",
    refused=False,
)
SOON = "Kubernetes 1.34: it costs more; support ends on 2027-12-02: take a newer one (the calendar)"
OVER = "Kubernetes 1.34: support ended on 2027-12-02: take a newer one (the calendar)"


@pytest.mark.parametrize(
    ("today", "warnings", "refusals"),
    [
        (date(2026, 10, 2), (), ()),
        (date(2026, 10, 3), (SOON,), ()),
        (date(2027, 12, 1), (SOON,), ()),
        (date(2027, 12, 2), (), (OVER,)),
    ],
)
def test_an_end_is_warned_of_and_then_refused(today, warnings, refusals):
    said = notices(today, {"Kubernetes 1.34"}, [KUBERNETES])

    assert (said.warnings, said.refusals) == (warnings, refusals)


def test_an_end_after_which_nothing_newer_would_do_is_only_said():
    said = notices(date(2030, 1, 1), {"Python 3.10"}, [PYTHON])

    assert said.refusals == ()
    assert said.warnings == (
        "Python 3.10: support ended on 2026-10-31: there is nothing newer (the schedule)",
    )


def test_what_is_not_used_is_not_spoken_of():
    said = notices(date(2030, 1, 1), {"Kubernetes 1.35"}, [KUBERNETES, PYTHON])

    assert (said.warnings, said.refusals) == ((), ())
