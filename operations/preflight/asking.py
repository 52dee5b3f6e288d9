"""Asking every question at the same time, and saying which ones had no answer."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from operations.preflight.aws import Denied, Refused, Silent
from operations.preflight.policy import action
from operations.preflight.registry import SEVERITIES, Case, Found, Question


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one question found; `answered` is False where AWS did not say all of it."""

    question: Question
    found: tuple[Found, ...]
    answered: bool


OnOutcome = Callable[[Outcome], None]


def ask_all(
    questions: Iterable[Question], case: Case, on_outcome: OnOutcome, seconds: float
) -> list[Outcome]:
    """Ask each question in a thread of its own; the outcomes stand in the questions' order.

    What has no answer within `seconds` is said to have none: the threads are daemons, so that one
    that AWS leaves waiting does not keep the command from ending.
    """
    asked = [question for question in questions if question.when(case.config)]
    outcomes: queue.Queue[Outcome | BaseException] = queue.Queue()
    for question in asked:
        threading.Thread(target=_put, args=(outcomes, question, case), daemon=True).start()
    done: dict[str, Outcome] = {}
    deadline = time.monotonic() + seconds
    while len(done) < len(asked):
        try:
            outcome = outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(outcome, BaseException):
            raise outcome
        done[outcome.question.id] = outcome
        on_outcome(outcome)
    late = f"AWS did not answer within {seconds:g} seconds"
    return [
        done.get(q.id) or Outcome(question=q, found=(_unasked(q, late),), answered=False)
        for q in asked
    ]


def _put(outcomes: "queue.Queue[Outcome | BaseException]", question: Question, case: Case) -> None:
    try:
        outcomes.put(_ask(question, replace(case, asks=question.asks)))
    except BaseException as error:
        outcomes.put(error)  # an error of the program, which ends it


def _ask(question: Question, case: Case) -> Outcome:
    found: list[Found] = []
    try:
        for finding in question.judge(case):
            found.append(finding)
    except Denied as error:
        service, _, operation = str(error).partition(":")
        found.append(_denied(question, action(service, operation)))
    except (Refused, Silent) as error:
        found.append(_unasked(question, " ".join(str(error).split())))
    else:
        return Outcome(question=question, found=_sorted(found), answered=True)
    return Outcome(question=question, found=_sorted(found), answered=False)


def _sorted(found: Sequence[Found]) -> tuple[Found, ...]:
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _denied(question: Question, needed: str) -> Found:
    return Found(
        "may fail",
        f"could not ask: the caller may not call {needed}",
        "python -m operations.preflight --policy  # what the caller needs, as an IAM policy",
        question.without,
    )


def _unasked(question: Question, reason: str) -> Found:
    return Found(
        "may fail",
        f"could not ask: {reason}",
        "run preflight again; if it stays so, look at what the question asks by hand",
        question.without,
    )
