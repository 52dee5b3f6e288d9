import io

import pytest
from rich.console import Console

from operations.demo.narrator import Narrator, StepError


@pytest.fixture
def output():
    return io.StringIO()


@pytest.fixture
def narrator(tmp_path, output):
    return Narrator(Console(file=output, width=200), steps=3, folder=tmp_path)


def test_a_step_says_its_number_and_its_result(narrator, output):
    with narrator.step("deploy", "deploying") as step:
        step.result = "11 stacks"

    assert "[1/3] deploy    11 stacks" in output.getvalue()
    assert list(narrator.seconds) == ["deploy"]


def test_a_failure_is_one_sentence_that_names_the_step_and_the_log(narrator, tmp_path):
    with (
        pytest.raises(StepError) as failure,
        narrator.step("train", "training"),
    ):
        raise ValueError("the loss\nis NaN")

    assert str(failure.value) == (
        f"step 'train' failed: the loss is NaN; see {tmp_path / 'demo.log'}"
    )
    assert "Traceback" in (tmp_path / "demo.log").read_text()


def test_a_log_that_is_named_already_is_not_replaced(narrator):
    with pytest.raises(StepError, match=r"see train\.log$"), narrator.step("train", "training"):
        raise RuntimeError("was killed by SIGKILL; see train.log")


def test_an_interrupt_passes_through(narrator):
    with pytest.raises(KeyboardInterrupt), narrator.step("train", "training"):
        raise KeyboardInterrupt
