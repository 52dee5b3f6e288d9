"""A small data set, run and model, made once by the real commands, and an S3 to keep them in."""

import fcntl
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

REPOSITORY = Path(__file__).parents[2]
TRAIN = (
    *("--model", "micro", "--steps", "80", "--batch", "4", "--checkpoint-every", "10"),
    *("--learning-rate", "3e-3", "--warmup-steps", "10"),
)


class Launcher:
    """torchrun as a user calls it, in a process of its own."""

    def start(self, *options: str | Path, processes: int = 2) -> subprocess.Popen[str]:
        """`python -m workloads.train` with these options on as many processes."""
        # --standalone takes a free port, so that runs side by side do not meet.
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
        command = [sys.executable, *torchrun, "-m", "workloads.train", *options]
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> str:
        """What it printed, once it has ended well."""
        output, _ = process.communicate(timeout=300)  # on a busy machine
        assert process.returncode == 0, output
        return output

    def run(self, *options: str | Path, processes: int = 2) -> str:
        return self.finish(self.start(*options, processes=processes))


@pytest.fixture(scope="session")
def launcher() -> Launcher:
    return Launcher()


@pytest.fixture(scope="session")
def train_options() -> Sequence[str]:
    """What the session's run was trained with, besides --data and --out."""
    return TRAIN


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Let one worker of the session make a folder that all of them read; its path."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # that of the session

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def data(once) -> Path:
    """A data set: 300 stories in sequences of 32 tokens."""

    def make(folder: Path) -> None:
        from workloads.prepare.__main__ import main

        options = ["--stories", "300", "--vocabulary", "400", "--sequence-length", "32"]
        assert main([*options, "--out", str(folder)]) == 0

    return once("tokens", make)


@pytest.fixture(scope="session")
def trained(once, data, launcher) -> Path:
    """A run of two processes that nothing interrupted."""

    def make(folder: Path) -> None:
        launcher.run("--data", data, "--out", folder, *TRAIN)

    return once("uninterrupted", make)


@pytest.fixture(scope="session")
def model(once, data, trained) -> Path:
    """The run's Hugging Face folder."""

    def make(folder: Path) -> None:
        from workloads.export.__main__ import main

        assert main(["--run", str(trained), "--data", str(data), "--out", str(folder)]) == 0

    return once("micro", make)


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """moto's S3 on a socket, and the environment that leads every client to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture(scope="session")
def s3(s3_environment) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3_environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


@pytest.fixture
def bucket(s3, s3_environment, monkeypatch) -> str:
    """The URI of an empty bucket, within reach of this process and its children."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return f"s3://{name}"
