import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from workloads.files import open_folder
from workloads.serve.__main__ import main


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "the following arguments are required: --model"),
        (["--model", "/no/such/model"], "/no/such/model/config.json does not exist"),
        (["--model", "ftp://x"], "neither a folder nor s3://"),
        (["--model", "/"], "--model / ends in no name; give one with --name"),
        (["--model", "x", "--port", "-1"], "-1 is too small"),
        (["--model", "x", "--port", "70000"], "70000 is too large: at most 65535"),
        (["--model", "x", "--host", "256.1.1.1"], "cannot listen on 256.1.1.1 port 8000"),
    ],
)
def test_a_mistake_ends_with_one_sentence(capsys, options, sentence):
    code = main(options)

    [error] = capsys.readouterr().err.splitlines()
    assert code == 2
    assert error.startswith("serve: ")
    assert sentence in error


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["--model", "/no/such/model", "--port", str(port)])

    assert code == 2
    assert f"cannot listen on 127.0.0.1 port {port}: address already in use" in (
        capsys.readouterr().err
    )


def test_a_model_in_s3_is_served_until_it_is_told_to_end(model, bucket):
    for file in model.iterdir():
        open_folder(f"{bucket}/models/micro").upload(file, file.name)

    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "workloads.serve",
            "--model",
            f"{bucket}/models/micro",
            "--port",
            "0",
        ],
        cwd=Path(__file__).parents[3],
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stderr.readline()
        assert line.startswith("serving micro at http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=PATIENCE)
        assert rest == ""
    finally:
        process.kill()
        process.wait()
