"""A short chaos run, and that its audit would find what it looks for."""

import os
from dataclasses import replace

import pytest

from benchmarks.gateway.chaos.audit import Audit
from benchmarks.gateway.chaos.clients import Ending
from benchmarks.gateway.chaos.readers import Chat, Converse, Messages, Wrong, read
from benchmarks.gateway.chaos.run import run
from benchmarks.gateway.fake_bedrock import frame

REQUESTS = 300


@pytest.fixture(scope="module")
def audit(tmp_path_factory) -> Audit:
    return run(tmp_path_factory.mktemp("chaos"), os.environ, requests=REQUESTS, seed=1)


def test_answers_are_whole_or_clean_errors_and_the_three_accounts_agree(audit):
    assert list(audit.problems()) == []
    assert len(audit.asked) == REQUESTS
    assert len(audit.gateway.downs) == 2
    endings = {asked.ending for asked in audit.asked}
    assert endings == {Ending.WHOLE, Ending.FAILED, Ending.LEFT, Ending.KILLED}
    told = sum(attempt.told is not None for attempt in audit.attempts.values())
    settled = sum(row.state == "settled" for row in audit.rows)
    assert REQUESTS / 3 < settled <= told


def first_settled(audit) -> int:
    answered = {asked.request_id for asked in audit.asked if asked.told}
    return next(i for i, row in enumerate(audit.rows) if row.id in answered)


CORRUPTIONS = {
    "lost": (lambda row: [], "not settled"),
    "twice": (lambda row: [row, row._replace(id="req_other")], "was charged 2 times"),
    "too much": (lambda row: [row._replace(output=row.output + 1)], "is not what the backend"),
    "of another": (lambda row: [row._replace(tenant="nobody")], "is not what the backend"),
    "not free": (lambda row: [row._replace(cost=0)], "has the wrong cost"),
    "invented": (lambda row: [row, row._replace(id="x", input=10**6)], "never told"),
    "open": (lambda row: [row, row._replace(id="x", state="open")], "is still open"),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_audit_finds_a_ledger_that_is_wrong(audit, corruption):
    spoil, words = CORRUPTIONS[corruption]
    at = first_settled(audit)
    rows = [*audit.rows[:at], *spoil(audit.rows[at]), *audit.rows[at + 1 :]]

    problems = list(replace(audit, rows=rows).problems())

    assert any(words in problem for problem in problems)


BEGIN = 'data: {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "x"}, '
CUT_OFF = {
    "no end": (Chat(), f'{BEGIN}"finish_reason": null}}]}}\n\n'),
    "half an event": (Chat(), f'{BEGIN}"finish_reason": "stop"}}]}}\n\ndata: [DONE]'),
    "done too early": (Chat(), f'{BEGIN}"finish_reason": null}}]}}\n\ndata: [DONE]\n\n'),
    "done after an error": (Chat(), 'data: {"error": {"message": "x"}}\n\ndata: [DONE]\n\n'),
    "no message_stop": (Messages(), 'event: message_start\ndata: {"type": "message_start"}\n\n'),
    "another name": (Messages(), 'event: ping\ndata: {"type": "message_start"}\n\n'),
    "no metadata": (Converse(), frame("messageStop", {"stopReason": "end_turn"})),
    "half a frame": (Converse(), frame("messageStop", {"stopReason": "end_turn"})[:-3]),
}


@pytest.mark.parametrize("case", CUT_OFF)
def test_a_stream_that_only_seems_whole_is_wrong(case):
    surface, data = CUT_OFF[case]

    with pytest.raises(Wrong):
        read(surface, True, 200, {}, data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize(("status", "body"), [(500, b'{"error": {"message": "x"}}'), (502, b"x")])
def test_an_error_of_the_gateways_own_making_is_wrong(status, body):
    with pytest.raises(Wrong):
        read(Chat(), False, status, {}, body)
