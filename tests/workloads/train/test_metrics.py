import dataclasses
import json

import pytest

from workloads.files import open_folder
from workloads.train.metrics import Metrics, Row


def row(step: int) -> Row:
    return Row(
        step=step,
        loss=1 / step,
        grad_norm=0.5,
        learning_rate=0.1,
        tokens=step * 8,
        tokens_per_second=80.0,
        tokens_per_second_per_device=40.0,
        seconds=0.1,
        data_seconds=0.01,
        checkpoint_seconds=0.0,
        mfu=0.5,
    )


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    """The run's folder, and where on this machine its files are made."""
    if request.param == "s3":
        return open_folder(request.getfixturevalue("bucket")), tmp_path / "work"
    return open_folder(str(tmp_path / "run")), tmp_path / "run"


def test_rows_come_back_as_written(place):
    metrics = Metrics(*place, resumed_step=0)

    metrics.append([row(1), row(2)])
    metrics.append([row(3)])
    metrics.publish()

    assert [kept["step"] for kept in metrics.rows()] == [1, 2, 3]
    assert metrics.rows()[1] == {k: v for k, v in vars(row(2)).items() if v is not None}
    assert len(place[0].read("metrics.jsonl").splitlines()) == 3


def test_rows_after_the_resumed_step_go_for_they_come_again(place):
    metrics = Metrics(*place, resumed_step=0)
    metrics.append([row(step) for step in range(1, 8)])
    metrics.publish()

    resumed = Metrics(*place, resumed_step=5)
    resumed.append([row(6)])

    assert [kept["step"] for kept in resumed.rows()] == [1, 2, 3, 4, 5, 6]


def test_a_line_cut_off_by_a_kill_goes(place):
    metrics = Metrics(*place, resumed_step=0)
    metrics.append([row(1)])
    metrics.publish()
    place[0].write("metrics.jsonl", place[0].read("metrics.jsonl") + b'{"step": 1')

    resumed = Metrics(*place, resumed_step=1)

    assert [kept["step"] for kept in resumed.rows()] == [1]


def test_a_loss_that_was_no_number_is_null():
    lost = dataclasses.replace(row(3), loss=None, grad_norm=None, skipped=True)

    assert json.loads(lost.to_json())["loss"] is None
    assert "tokens_per_usd" not in json.loads(lost.to_json())
