"""Whole runs in this process, in which something happens at a chosen step."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.waiting import PATIENCE, wait_for
from workloads import checkpoints
from workloads.files import open_folder
from workloads.train.__main__ import main
from workloads.train.attempts import Attempts
from workloads.train.loop import Loop


@pytest.fixture(autouse=True)
def signals():
    """A run changes what this process does on them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def train(data, tmp_path, monkeypatch) -> Callable[..., int]:
    """Runs `main`; `at` maps steps to what is done after them.

    The processes vote before each step, so that a signal after one ends the run after the next.
    """
    step = Loop.step

    def run(*options: str, out: str = "", at: dict[int, Callable[[], None]] | None = None) -> int:
        def watched(self, number, rates):
            result = step(self, number, rates)
            (at or {}).get(number, int)()
            return result

        monkeypatch.setattr(Loop, "step", watched)
        fixed = ("--model", "micro", "--batch", "4", "--steps", "20", "--checkpoint-every", "10")
        place = out or str(tmp_path / "run")
        return main(["--data", str(data), "--out", place, *fixed, *options])

    return run


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def latest(run: str) -> int:
    return json.loads(open_folder(run).read("latest.json"))["step"]


def terminate(times: int = 1) -> Callable[[], None]:
    return lambda: [os.kill(os.getpid(), signal.SIGTERM) for _ in range(times)] and None


@pytest.mark.parametrize("times", [1, 3])
def test_a_run_told_to_end_saves_first_however_often_it_is_told(train, tmp_path, capsys, times):
    code = train(at={15: terminate(times)})

    assert code == 1
    assert "stopped as asked after step 16; the same command continues" in capsys.readouterr().err
    assert latest(str(tmp_path / "run")) == 16


def test_a_checkpoint_that_would_not_be_done_in_time_is_not_begun(train, tmp_path, capsys):
    code = train("--grace", "0.001", at={15: terminate()})

    assert code == 1
    assert "stopped as asked after step 16 without saving it" in capsys.readouterr().err
    assert latest(str(tmp_path / "run")) == 10
    assert not (tmp_path / "run" / "checkpoints" / "step-00000016").exists()


def test_steps_go_on_while_a_checkpoint_is_written(train, tmp_path, monkeypatch):
    describe, went_on = checkpoints.describe_files, threading.Event()

    def describe_late(path):
        assert went_on.wait(PATIENCE)
        return describe(path)

    monkeypatch.setattr(checkpoints, "describe_files", describe_late)

    assert train(at={13: went_on.set}) == 0
    assert latest(str(tmp_path / "run")) == 20


def spoil(monkeypatch, *steps: int) -> None:
    """Make the loss of these steps no number."""
    loss = torch.nn.functional.cross_entropy
    calls = iter(range(1, 1000))

    def spoiled(*given):
        return loss(*given) * (float("nan") if next(calls) in steps else 1.0)

    monkeypatch.setattr("workloads.train.loop.F.cross_entropy", spoiled)


def test_a_step_without_a_finite_loss_is_left_out(train, tmp_path, monkeypatch, capsys):
    spoil(monkeypatch, 5)

    assert train("--nan-skip", "1") == 0

    made = rows(tmp_path / "run")
    assert [row["step"] for row in made if row["skipped"]] == [5]
    assert made[4]["loss"] is None
    assert made[-1]["loss"] < made[0]["loss"]
    assert "step 5 is left out, its gradient's norm is nan" in capsys.readouterr().err


@pytest.mark.parametrize(("allowed", "ends"), [("0", 12), ("1", 14)])
def test_one_more_ends_the_run_and_is_not_saved(
    train, tmp_path, monkeypatch, capsys, allowed, ends
):
    spoil(monkeypatch, 12, 14)

    assert train("--nan-skip", allowed) == 1

    assert f"the loss of step {ends} is nan" in capsys.readouterr().err
    assert latest(str(tmp_path / "run")) == 10


def test_steps_left_out_before_a_restart_count(train, tmp_path, monkeypatch, capsys):
    spoil(monkeypatch, 5)
    assert train("--nan-skip", "1", at={15: terminate()}) == 1
    spoil(monkeypatch, 1)

    assert train("--nan-skip", "1") == 1

    assert "the loss of step 17 is nan" in capsys.readouterr().err


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path) -> str:
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/run"
    return str(tmp_path / "run")


def test_a_job_whose_run_another_has_continued_completes_nothing_more(train, place, capsys):
    def take_over() -> None:
        # step 10 is saved beside the steps that follow it
        wait_for(lambda: open_folder(place).exists("latest.json"))
        Attempts(open_folder(place)).begin(step=10, processes=1, device="cpu")

    assert train(out=place, at={15: take_over}) == 1

    assert "another job has continued this run since" in capsys.readouterr().err
    assert latest(place) == 10
    assert checkpoints.complete_steps(open_folder(place)) == [10]


def test_a_job_that_lives_on_does_not_move_the_pointer_back(train, place, monkeypatch, capsys):
    """Even where it looked for another just before the other came."""
    monkeypatch.setattr(Attempts, "check_owner", lambda _: None)
    ahead = b'{"step": 90, "checkpoint": "checkpoints/step-00000090", "attempt": 2}'

    def move() -> None:
        # step 10 is saved beside the steps that follow it
        wait_for(lambda: open_folder(place).exists("latest.json"))
        open_folder(place).write("latest.json", ahead)

    assert train(out=place, at={15: move}) == 1

    assert "another job has continued this run since" in capsys.readouterr().err
    assert open_folder(place).read("latest.json") == ahead


def test_old_checkpoints_go(train, tmp_path):
    assert train("--checkpoint-every", "4", "--keep", "2") == 0

    assert checkpoints.complete_steps(open_folder(str(tmp_path / "run"))) == [20, 16]
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2


def test_starts_are_told_in_the_run_and_its_picture(train, tmp_path, capsys):
    train(at={15: terminate()})
    assert train("--usd-per-hour", "3.6") == 0

    starts = (tmp_path / "run" / "attempts.jsonl").read_text().splitlines()
    assert [json.loads(start)["step"] for start in starts] == [0, 16]
    table = capsys.readouterr().out
    assert "restarts" in table
    assert "goodput" in table
    assert "tokens per US dollar" in table
    assert all(row["tokens_per_usd"] > 0 for row in rows(tmp_path / "run")[16:])
