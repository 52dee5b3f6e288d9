import threading
from datetime import UTC, datetime

import pytest

from operations.preflight.asking import ask_all
from operations.preflight.registry import Case, Found, question


def asks(id, judge):
    return question(id, "area", title="t", without="it hurts", asks=[], sources=[])(judge)


@pytest.fixture
def case(environments):
    return Case(
        name="dev",
        config=environments["dev"],
        account="1",
        now=datetime.now(UTC),
        aws=None,
        asks=frozenset(),
    )


def test_what_is_not_answered_in_time_is_said(case):
    never = threading.Event()

    def waits(case):
        never.wait()
        yield

    outcomes = ask_all(
        [asks("slow", waits), asks("quick", lambda case: iter([Found("note", "w", "f")]))],
        case,
        lambda outcome: None,
        seconds=1.5,
    )
    never.set()

    [slow, quick] = outcomes
    assert (slow.answered, quick.answered) == (False, True)
    assert slow.found[0].what == "could not ask: AWS did not answer within 1.5 seconds"
    assert slow.found[0].why == "it hurts"


def test_an_error_of_the_program_ends_it(case):
    def breaks(case):
        raise KeyError("a bug")
        yield

    with pytest.raises(KeyError):
        ask_all([asks("broken", breaks)], case, lambda outcome: None, 30)


def test_a_question_may_call_only_what_it_says(case):
    def strays(case):
        yield case.ask("ec2", "DescribeVpcs")

    with pytest.raises(AssertionError, match="does not say that it asks ec2:DescribeVpcs"):
        ask_all([asks("stray", strays)], case, lambda outcome: None, 30)


def test_the_worst_comes_first(case):
    def finds(case):
        yield Found("note", "a", "f")
        yield Found("fails", "b", "f")
        yield Found("may fail", "c", "f")

    [outcome] = ask_all([asks("some", finds)], case, lambda outcome: None, 30)

    assert [found.severity for found in outcome.found] == ["fails", "may fail", "note"]
