import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workloads.files import open_folder
from workloads.prepare.__main__ import main
from workloads.prepare.noise import noise
from workloads.prepare.stories import story

REPOSITORY = Path(__file__).parents[3]
SMALL = ("--vocabulary", "300", "--sequence-length", "32")


def contents(uri: str | Path) -> dict[str, bytes]:
    """Every file but the report, which tells times."""
    folder = open_folder(str(uri))
    return {name: folder.read(name) for name in folder.names() if name != "report.html"}


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """JSON lines of some 2 MB in several files, with all that the stages look for."""
    folder = tmp_path_factory.mktemp("texts")
    number = 0
    for name in ("a", "b", "c"):
        with (folder / f"{name}.jsonl").open("w") as stream:
            for number in range(number, number + 1300):  # noqa: B020
                stream.write(json.dumps({"text": story(1, number)}) + "\n")
                if dirt := noise(1, number):
                    stream.write(json.dumps({"text": dirt.text}) + "\n")
    (folder / "d.jsonl").write_bytes(b'{"text": "\xff"}\nno JSON\n')
    return folder


@pytest.fixture(scope="session")
def prepared(texts, tmp_path_factory) -> dict[str, bytes]:
    """What one process makes of it without interruption."""
    out = tmp_path_factory.mktemp("prepared")
    assert main(options(texts, out, "--workers", "1")) == 0
    return contents(out)


def options(texts: Path, out: Path | str, *more: str) -> list[str]:
    return ["--input", str(texts), "--out", str(out), *SMALL, "--part-mib", "1", *more]


def start(texts: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workloads.prepare", *options(texts, out, *more)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_input_is_cut_into_several_parts(prepared):
    assert sum(name.endswith("-documents.parquet") for name in prepared) >= 3
    counts = json.loads(prepared["manifest.json"])["counts"]
    assert counts["quarantined"] == {"NUL": 97, "invalid UTF-8": 1, "not JSON": 1}
    assert counts["duplicates"]["exact"] >= 97
    assert counts["duplicates"]["near"] > 70
    assert set(counts["personal"].values()) == {97}


@pytest.mark.parametrize("workers", ["2", "3"])
def test_any_number_of_workers_gives_the_same_bytes(texts, prepared, tmp_path, workers):
    assert main(options(texts, tmp_path, "--workers", workers)) == 0

    assert contents(tmp_path) == prepared


def test_three_pods_of_an_indexed_job_give_the_same_bytes(texts, prepared, tmp_path, monkeypatch):
    pods = []
    for index in range(3):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        pods.append(start(texts, tmp_path, "--workers", "1", "--of", "3"))

    for pod in pods:
        output, _ = pod.communicate(timeout=240)
        assert pod.returncode == 0, output

    assert contents(tmp_path) == prepared


def test_killed_at_random_moments_and_run_again_it_gives_the_same_bytes(texts, prepared, tmp_path):
    """kill -9 after a random number of files, 6 times; its workers end by themselves."""
    moments = random.Random(0)
    killed = 0
    for _ in range(6):
        before = len(list(tmp_path.rglob("*")))
        process = start(texts, tmp_path, "--workers", "2")
        enough = before + 1 + moments.randrange(6)
        while process.poll() is None and len(list(tmp_path.rglob("*"))) < enough:
            time.sleep(0.001)
        time.sleep(moments.random() * 0.05)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate(timeout=240)  # until the workers have closed their end of the pipe too

    process = start(texts, tmp_path, "--workers", "2")
    output, _ = process.communicate(timeout=240)

    assert process.returncode == 0, output
    assert killed >= 3
    assert contents(tmp_path) == prepared
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_data_set_in_s3_is_the_one_in_a_folder(texts, prepared, bucket):
    assert main(options(texts, f"{bucket}/tokens", "--workers", "1")) == 0

    assert contents(f"{bucket}/tokens") == prepared


def test_texts_in_s3_give_the_same_tokens(texts, prepared, bucket, tmp_path):
    there = open_folder(f"{bucket}/texts")
    for file in texts.iterdir():
        there.upload(file, file.name)

    arguments = ["--input", f"{bucket}/texts/*.jsonl", "--out", str(tmp_path), *SMALL]
    assert main([*arguments, "--part-mib", "1", "--workers", "1"]) == 0

    ours, theirs = (json.loads(made["manifest.json"]) for made in (contents(tmp_path), prepared))
    assert ours["counts"] == theirs["counts"]
    assert [shard["sha256"] for shard in ours["shards"]] == [
        shard["sha256"] for shard in theirs["shards"]
    ]
    assert ours["sources"][0].keys() == {"file", "bytes", "etag"}


def test_text_files_become_a_data_set(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("\n".join(story(0, number) for number in range(9)))
    (tmp_path / "b.md").write_text("日本語の文章。" * 50)
    out = tmp_path / "out"

    code = main(["--input", str(tmp_path / "a.txt"), str(tmp_path / "b.md"), "--out", str(out),
                 *SMALL, "--skip", "quality"])  # fmt: skip

    manifest = json.loads((out / "manifest.json").read_text())
    printed = capsys.readouterr()
    assert code == 0
    assert manifest["documents"] == 2
    assert [source["file"] for source in manifest["sources"]] == [
        str(tmp_path / "a.txt"),
        str(tmp_path / "b.md"),
    ]
    assert manifest["sources"][1]["bytes"] == 50 * 21
    assert "2 documents" in printed.out
    assert "pack: 1 tasks" in printed.err


def test_noise_between_the_stories_is_found(tmp_path):
    assert main(["--stories", "400", "--noise", "--out", str(tmp_path), *SMALL]) == 0

    counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
    assert counts["rows"] == 450
    assert counts["quarantined"] == {"NUL": 10}
    assert sum(counts["filtered"].values()) >= 10
    assert counts["duplicates"]["exact"] == 10
    assert counts["duplicates"]["near"] >= 5
    assert counts["personal"]["iban"] == 10


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "one of the arguments --input --stories is required"),
        (["--stories", "0"], "0 is too small: at least 1"),
        (["--stories", "many"], "'many' is not a whole number"),
        (["--stories", "5", "--input", "x"], "not allowed with argument"),
        (["--stories", "5", "--vocabulary", "100"], "100 is too small: at least 258"),
        (["--stories", "5", "--sequence-length", "1"], "1 is too small"),
        (["--stories", "5", "--skip", "everything"], "invalid choice: 'everything'"),
        (["--stories", "5", "--of", "2", "--index", "2"], "--index 2 is not below --of 2"),
        (["--stories", "5", "--of", "2"], "--of needs --index, or an indexed Job's"),
        (["--stories", "5", "--tokenizer", "/no/such.json"], "/no/such.json does not exist"),
        (["--stories", "5", "--noise", "--input", "x"], "not allowed with argument"),
        (["--input", "/no/such/file.txt"], "/no/such/file.txt does not exist"),
        (["--input", "/proc/version", "--out", "gs://x"], "neither a folder nor s3://"),
        (["--stories", "5", "--out", "/proc/x"], "/proc/x"),
    ],
)
def test_a_mistake_ends_with_one_sentence(tmp_path, capsys, options, sentence, monkeypatch):
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)

    code = main(["--out", str(tmp_path / "out"), *options])

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("prepare:")]
    assert code == 2
    assert len(errors) == 1
    assert sentence in errors[0]
    assert not (tmp_path / "out").exists()
