"""Real processes, really killed: the same command again ends as if nothing had happened."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import psutil
import pytest

from workloads.train.__main__ import main

SECONDS = 300  # to start PyTorch's processes, or to end them, on a busy machine
VARYING = ("seconds", "per_second", "per_device", "mfu")  # how long a step took, in any unit


def numbers(run: Path) -> list[dict]:
    """Every step's metrics but for how long it took."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in row if not name.endswith(VARYING)} for row in rows]


def weights(run: Path) -> dict[str, str]:
    """The last checkpoint's shards by their digests; .metadata names the run's own folder."""
    last = json.loads((run / "latest.json").read_text())["checkpoint"]
    files = json.loads((run / last / "MANIFEST.json").read_text())["files"]
    return {name: file["sha256"] for name, file in files.items() if name.endswith(".distcp")}


def wait_for(file: Path, process: subprocess.Popen) -> None:
    """Until a running process has written `file`."""
    deadline = time.monotonic() + SECONDS
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def manifest(run: Path, step: int) -> Path:
    return run / f"checkpoints/step-{step:08d}/MANIFEST.json"


@pytest.fixture
def half_done(trained, tmp_path) -> Path:
    """A copy of the run as it was after step 30."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    cut(run, after=30)
    return run


def test_a_run_writes_what_the_contract_says(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]

    assert [row["step"] for row in rows] == list(range(1, 81))
    assert rows[-1].keys() >= {"step", "loss", "tokens", "tokens_per_second", "seconds"}
    assert rows[-1]["tokens"] == 80 * 4 * 32
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert json.loads((trained / "latest.json").read_text()) == {
        "step": 80,
        "checkpoint": "checkpoints/step-00000080",
        "attempt": 1,
    }
    assert [path.name for path in sorted((trained / "checkpoints").iterdir())] == [
        f"step-000000{step}" for step in range(10, 90, 10)
    ]
    assert (trained / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_killed_and_stopped_ends_as_if_nothing_had_happened(
    trained, data, tmp_path, launcher, train_options
):
    run = tmp_path / "run"
    options = ("--data", data, "--out", run, *train_options)

    # a worker dies while the first checkpoint is written
    first = launcher.start(*options)
    wait_for(run / "checkpoints/step-00000010", first)
    psutil.Process(first.pid).children()[-1].kill()
    first.communicate(timeout=SECONDS)
    assert first.returncode != 0

    # the launcher dies and its workers must follow
    second = launcher.start(*options)
    wait_for(manifest(run, 20), second)
    orphans = psutil.Process(second.pid).children()
    second.kill()
    second.communicate(timeout=SECONDS)
    assert psutil.wait_procs(orphans, timeout=SECONDS)[1] == []

    # the machine is taken away, with a warning
    before = max(step for step in range(10, 90, 10) if manifest(run, step).exists())
    third = launcher.start(*options)
    wait_for(manifest(run, before + 10), third)
    third.send_signal(signal.SIGTERM)
    output, _ = third.communicate(timeout=SECONDS)
    stopped = json.loads((run / "latest.json").read_text())["step"]
    assert third.returncode != 0
    assert f"stopped as asked after step {stopped}" in output

    output = launcher.run(*options)
    assert f"continues after step {stopped}" in output
    assert numbers(run) == numbers(trained)
    assert weights(run) == weights(trained)


def test_a_run_killed_at_random_moments_ends_as_if_nothing_had_happened(
    trained, data, tmp_path, launcher, train_options
):
    """KILLS=20 for twenty of them; SEED for others."""
    random = Random(int(os.environ.get("SEED", "0")))
    run, starts = tmp_path / "run", 0
    options = ("--data", data, "--out", run, *train_options)
    for _ in range(int(os.environ.get("KILLS", "2"))):
        process = launcher.start(*options)
        starts += 1
        when, whom = random.uniform(0, 3), random.choice(["launcher", 0, 1])
        sign = random.choice(["begun", "saving"])
        deadline = time.monotonic() + SECONDS
        done = len(list(run.glob("checkpoints/*")))
        while process.poll() is None and time.monotonic() < deadline:
            if sign == "begun" and _starts(run) == starts:
                time.sleep(when)  # anywhere from here on
                break
            if sign == "saving" and len(list(run.glob("checkpoints/*"))) > done:
                time.sleep(when / 100)  # while the checkpoint is written, or just after
                break
            time.sleep(0.001)
        workers = psutil.Process(process.pid).children() if process.poll() is None else []
        if workers:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself meanwhile
                (process if whom == "launcher" else workers[min(whom, len(workers) - 1)]).kill()
        output, _ = process.communicate(timeout=SECONDS)
        psutil.wait_procs(workers, timeout=SECONDS)
        if process.returncode == 0:  # it was done before: begin anew
            assert numbers(run) == numbers(trained), output
            shutil.rmtree(run)
            starts = 0

    launcher.run(*options)

    assert numbers(run) == numbers(trained)
    assert weights(run) == weights(trained)


def _starts(run: Path) -> int:
    file = run / "attempts.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def test_damaged_checkpoints_are_passed_over(trained, half_done, data, launcher, train_options):
    shard = manifest(half_done, 30).with_name("__1_0.distcp")
    flipped = bytearray(shard.read_bytes())
    flipped[1000] ^= 1
    shard.write_bytes(flipped)
    manifest(half_done, 20).with_name(".metadata").unlink()

    output = launcher.run("--data", data, "--out", half_done, *train_options)

    assert "step-00000030/__1_0.distcp is damaged" in output
    assert "step-00000020/.metadata is missing" in output
    assert "continues after step 10" in output
    assert numbers(half_done) == numbers(trained)
    assert weights(half_done) == weights(trained)


def cut(run: Path, *, after: int) -> None:
    """Leave the run as it was after a step."""
    for step in range(after + 10, 90, 10):
        shutil.rmtree(manifest(run, step).parent)


def test_on_four_processes_then_two_then_one_it_is_nearly_the_same(
    trained, half_done, data, launcher, train_options
):
    options = ("--data", data, "--out", half_done, *train_options, "--micro-batch", "1")
    launcher.run(*options, processes=4)
    cut(half_done, after=50)
    launcher.run(*options, processes=2)
    cut(half_done, after=70)
    assert main([str(option) for option in options]) == 0

    for ours, theirs in zip(numbers(half_done), numbers(trained), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_finished_run_has_nothing_left_to_do(trained, data, tmp_path, train_options, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "latest.json").unlink()

    code = main(["--data", str(data), "--out", str(run), *train_options])

    assert code == 0
    assert numbers(run) == numbers(trained)
    assert (run / "latest.json").read_bytes() == (trained / "latest.json").read_bytes()
    assert capsys.readouterr().out.splitlines()[-1].startswith("80 steps, loss ")


def test_a_run_in_s3_is_the_one_in_a_folder(data, bucket, tmp_path, train_options):
    from workloads.files import LocalFolder, open_folder

    there = open_folder(f"{bucket}/run")
    for name in LocalFolder(data).names():
        open_folder(f"{bucket}/tokens").upload(data / name, name)
    options = [*train_options, "--steps", "20"]

    assert main(["--data", str(data), "--out", str(tmp_path), *options]) == 0
    assert main(["--data", f"{bucket}/tokens", "--out", f"{bucket}/run", *options]) == 0
    assert there.names() == LocalFolder(tmp_path).names()
    fetched = there.download(["metrics.jsonl"], tmp_path / "fetched")
    assert numbers(fetched) == numbers(tmp_path)

    # broken off after step 10, it goes on from there
    for name in there.names():
        if "step-00000020/MANIFEST" in name:
            there.delete(name)
    assert main(["--data", f"{bucket}/tokens", "--out", f"{bucket}/run", *options]) == 0
    assert numbers(there.download(["metrics.jsonl"], tmp_path / "fetched")) == numbers(tmp_path)
