"""The command that a JobSet's pods would run, as real processes told what those pods are told."""

import json
import sys

import pytest

from workloads.command import InputError, StageError
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool
from workloads.submit.__main__ import main
from workloads.submit.local import run_here

POOL = Pool(name="local", instance_type="m7a.large")


def run(code, **fields):
    """Run Python code as a job; the lines it said."""
    said = []
    job = Job(**{"name": "job", "image": "none", "command": ("python", "-c", code)} | fields)
    run_here(job, POOL, environment={"PATH": "/usr/bin"}, say=said.append)
    return said


def test_two_nodes_train_as_one_run(data, tmp_path, capsys):
    out = tmp_path / "run"
    options = ("--local", "--nodes", "2")
    stage = ("--data", data, "--out", out, "--model", "tiny", "--steps", "4", "--batch", "4")

    assert main(["train", *options, "--", *map(str, stage)]) == 0

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    [attempt] = [json.loads(line) for line in (out / "attempts.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert attempt["processes"] == 2
    assert "0: 4 steps" in capsys.readouterr().out


def test_two_nodes_prepare_one_data_set(tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    stage = ("--stories", "60", "--vocabulary", "400", "--workers", "1")

    for out, nodes in ((one, "1"), (two, "2")):
        options = ("--local", "--nodes", nodes, "--", *stage, "--out", str(out))
        assert main(["prepare", *options]) == 0, capsys.readouterr().out

    manifests = [json.loads((out / "manifest.json").read_text()) for out in (one, two)]
    assert manifests[0] == manifests[1]


def test_each_pod_is_told_its_index_and_the_jobs_environment():
    said = run(
        "import os; print(os.environ['JOB_COMPLETION_INDEX'], os.environ['A'])",
        pods=3,
        environment={"A": "b"},
    )

    assert sorted(said) == [f"{index}: {index} b" for index in range(3)]


def test_variables_in_the_command_are_replaced_as_the_kubelet_does():
    code = "import sys; print(sys.argv[1:])"
    arguments = ("$(A)", "$(NOBODY)", "$$(A)", "$A")

    said = run("", command=("python", "-c", code, *arguments), environment={"A": "1"})

    assert said == ["0: ['1', '$(NOBODY)', '$(A)', '$A']"]


def test_a_gang_ends_with_its_first_failure_and_starts_again_as_a_whole(tmp_path):
    code = (
        "import os, pathlib, time\n"
        f"mark = pathlib.Path({str(tmp_path)!r}, os.environ['JOB_COMPLETION_INDEX'])\n"
        "again = mark.exists()\n"
        "mark.touch()\n"
        "if not again and mark.name == '1': raise SystemExit(7)\n"
        "if not again: time.sleep(600)\n"
        "print('done', flush=True)\n"
    )

    said = run(code, gang=True, pods=2, retries=1)

    assert said[0] == "job: a pod ended with 7; restart 1 of 1"
    assert sorted(said[1:]) == ["0: done", "1: done"]


def test_a_gang_that_never_succeeds_gives_up():
    with pytest.raises(StageError, match="ended with 7"):
        run("raise SystemExit(7)", gang=True, retries=2)


def test_what_the_user_must_put_right_is_not_tried_again():
    said = []
    job = Job(name="job", image="none", command=("python", "-c", "raise SystemExit(2)"), gang=True)

    with pytest.raises(InputError, match="was refused"):
        run_here(job, POOL, environment={}, say=said.append)
    assert said == []


def test_a_wrong_option_of_training_is_not_tried_again(tmp_path, capsys):
    """Through torchrun, which by itself would make a failure like any other of it."""
    stage = ("--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"))

    assert main(["train", "--local", "--retries", "3", "--", *stage]) == 2

    told = capsys.readouterr()
    assert "restart" not in told.out
    assert f"{tmp_path}/none" in told.out
    assert "train was refused" in told.err


def test_the_first_pods_success_ends_those_that_serve_it():
    code = (
        "import os, time\n"
        "if os.environ['JOB_COMPLETION_INDEX'] != '0': time.sleep(600)\n"
        "print('done', flush=True)\n"
    )

    assert run(code, gang=True, pods=3, first_decides=True) == ["0: done"]


def test_a_command_that_is_not_there_is_a_sentence():
    with pytest.raises(StageError, match="/no/such cannot be started here: No such file"):
        run("", command=("/no/such",))


def test_python_is_the_one_that_runs_this():
    assert run("import sys; print(sys.executable)") == [f"0: {sys.executable}"]
