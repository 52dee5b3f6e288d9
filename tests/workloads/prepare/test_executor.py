import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE
from workloads.command import InputError, StageError
from workloads.files import open_folder
from workloads.prepare.executor import Executor, Share
from workloads.prepare.work import Task, do, key


@pytest.fixture(autouse=True)
def importable(monkeypatch) -> None:
    """A worker process has this process's path, from which it imports what it is to do."""
    monkeypatch.syspath_prepend(Path(__file__).parent)


def stage(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("some_stages"), name)


def squares(count: int) -> list[Task]:
    return [Task(f"square/{number}", stage("square"), (number,)) for number in range(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_tallies_are_in_the_order_of_the_tasks(tmp_path, workers):
    with Executor(str(tmp_path), workers=workers) as executor:
        tallies = executor.run("square", squares(7))

    assert [tally["square"] for tally in tallies] == [n * n for n in range(7)]
    assert [(phase.tasks, phase.ran) for phase in executor.phases] == [(7, 7)]


def test_what_has_a_marker_is_not_done_again(tmp_path):
    do(squares(3)[1], open_folder(str(tmp_path)))

    with Executor(str(tmp_path)) as executor:
        executor.run("square", squares(3))

    assert [(phase.tasks, phase.ran) for phase in executor.phases] == [(3, 2)]


def test_a_task_that_broke_off_has_no_marker(tmp_path):
    task = Task("refuse/1", stage("refuse"), ())

    with pytest.raises(InputError, match="that cannot be"):
        do(task, open_folder(str(tmp_path)))

    assert open_folder(str(tmp_path)).names() == []


def test_pods_do_a_share_each_and_wait_for_the_others(tmp_path):
    work = open_folder(str(tmp_path))
    for task in squares(5)[::2]:  # what index 0 of 2 does
        do(task, work)

    with Executor(str(tmp_path), share=Share(index=1, of=2), patience=PATIENCE) as executor:
        tallies = executor.run("square", squares(5))

    assert [tally["square"] for tally in tallies] == [n * n for n in range(5)]
    assert executor.phases[0].ran == 2


def test_a_pod_that_does_nothing_is_named(tmp_path):
    executor = Executor(str(tmp_path), share=Share(index=0, of=3), patience=0.0)

    with (
        executor,
        pytest.raises(StageError, match=r"index 1 of 3 has not written .*square/1\.json"),
    ):
        executor.run("square", squares(5))


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("refuse", InputError, "that cannot be"),
        ("break_down", StageError, "x/1: .*No space left on device"),
        ("die", StageError, "a worker process was killed"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_told_here(tmp_path, name, error, sentence):
    tasks = [Task("x/1", stage(name), ()), *squares(1)]

    with Executor(str(tmp_path), workers=2) as executor, pytest.raises(error, match=sentence):
        executor.run("x", tasks)


def test_a_key_depends_on_everything_given():
    share = Share(index=0, of=2)

    assert key("a", 1, share) == key("a", 1, Share(index=0, of=2))
    assert len({key("a", 1), key("a", "1"), key("a", [1]), key("a", share), key(1, "a")}) == 5
    assert Path(key("a")).name == key("a")
