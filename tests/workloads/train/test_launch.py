"""What the launcher refuses, and what it ends with as a process of its own."""

import subprocess
import sys

import pytest

from workloads.train.launch import main

RUN = ("--standalone", "--nnodes=1", "--nproc-per-node=2", "-m", "workloads.train")


def launch(*options):
    command = [sys.executable, "-m", "workloads.train.launch", *RUN, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--learning-rat", "1"), "unrecognized arguments: --learning-rat 1"),
        (("--learning-rate", "-1"), "--learning-rate -1.0 is not above 0"),
        (("--batch", "3"), "cannot be divided among 2 processes"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_anything_starts(options, sentence, tmp_path, capsys):
    assert main([*RUN, "--data", "d", "--out", str(tmp_path / "run"), *options]) == 2

    [line] = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert not (tmp_path / "run").exists()


def test_a_number_of_processes_that_is_none_is_a_sentence(capsys):
    given = ["--nnodes=1:4", "--nproc-per-node=2", "-m", "workloads.train", "--data", "d"]

    assert main([*given, "--out", "o"]) == 2
    assert "--nnodes 1:4" in capsys.readouterr().err


def test_what_only_the_workers_can_know_ends_with_2_as_well(tmp_path):
    done = launch("--data", tmp_path / "none", "--out", tmp_path / "run")

    assert done.returncode == 2, done.stderr
    assert f"{tmp_path}/none" in done.stderr


def test_a_failure_ends_with_1(data, tmp_path):
    """A loss that is no number any more: worth another try, unlike a wrong option."""
    done = launch(
        *("--data", data, "--out", tmp_path / "run", "--model", "micro", "--batch", "4"),
        *("--learning-rate", "1e30", "--warmup-steps", "0", "--steps", "30"),
    )

    assert done.returncode == 1, done.stderr
