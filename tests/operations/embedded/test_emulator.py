import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from operations.embedded.emulator import REPOSITORY, Emulator, PortError
from tests.waiting import PATIENCE, free_port

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {
            "ZipFile": "import boto3\n"
            "def handler(event, context):\n"
            "    return boto3.client('sts').get_caller_identity()['Account']\n"
        },
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/none",
    },
}


def family(emulator: Emulator) -> list[psutil.Process]:
    root = psutil.Process(emulator.process.pid)
    return [root, *root.children(recursive=True)]


def with_a_lambda_worker(stack) -> None:
    """Leave a process behind that serves a function."""
    stack.deploy({"Function": FUNCTION})
    answer = stack.client("lambda").invoke(FunctionName=stack.id("Function"))
    assert json.load(answer["Payload"]) == stack.emulator.account


def test_every_socket_it_listens_on_is_loopback(emulator, stack):
    with_a_lambda_worker(stack)

    listening = [
        connection.laddr.ip
        for process in family(emulator)
        for connection in process.net_connections(kind="inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]

    assert set(listening) == {"127.0.0.1"}


def test_a_taken_port_is_said_in_one_sentence(emulator, tmp_path):
    port = int(emulator.url.rpartition(":")[2])

    with pytest.raises(PortError, match=f"port {port} cannot be used") as caught:
        Emulator(folder=tmp_path, region="us-east-2", port=port).start()

    assert "\n" not in str(caught.value)


def test_an_explicit_port_is_used(tmp_path):
    port = free_port()

    with Emulator(folder=tmp_path, region="us-east-2", port=port) as emulator:
        assert emulator.url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_nothing_outlives_it(tmp_path, new_stack, killed):
    emulator = Emulator(folder=tmp_path, region="us-east-2")
    emulator.start()
    with_a_lambda_worker(new_stack(emulator))
    processes = family(emulator)
    assert len(processes) > 1

    if killed:
        processes[0].kill()
    emulator.stop()

    assert psutil.wait_procs(processes, timeout=PATIENCE)[1] == []  # their parents may be slow


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_prints_exports_and_ends_with_all_it_started(tmp_path, sent):
    command = [sys.executable, "-m", "operations.embedded", f"--folder={tmp_path}"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline()]
    while not lines[-1].startswith("#"):
        lines.append(process.stdout.readline())
    started = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(sent)
    code = process.wait(timeout=PATIENCE)
    _, alive = psutil.wait_procs(started, timeout=PATIENCE)

    port = (tmp_path / "port").read_text()
    assert f"export AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n" in lines
    assert started
    assert code == (-sent if sent is signal.SIGKILL else 0)
    assert not alive


def test_the_command_refuses_a_taken_port_with_exit_code_2(emulator, tmp_path):
    port = emulator.url.rpartition(":")[2]

    done = subprocess.run(
        [sys.executable, "-m", "operations.embedded", f"--port={port}", f"--folder={tmp_path}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_nothing_of_the_users_own_aws_is_read(emulator):
    environment = emulator.environment

    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CDK_HOME"):
        assert Path(environment[name]).is_relative_to(emulator.folder)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY"} & environment.keys()
