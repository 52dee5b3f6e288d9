"""The command: its configuration, its exit codes, its end."""

import os
import socket
import subprocess
import sys

import boto3
import openai
import pytest
from moto.server import ThreadedMotoServer

from tests.workloads.gateway.conftest import ROOT, sha256
from tests.workloads.gateway.fakes import Gate, converse_answer, converse_stream
from workloads.gateway.__main__ import main

NOVA = "amazon.nova-lite-v1:0"
MODELS = f'[[models]]\nname = "nova"\nbedrock = "{NOVA}"\n'
TENANT = f'[[tenants]]\nname = "a"\nkey_sha256 = "{sha256("sk-a")}"\n'
QUESTION = [{"role": "user", "content": "Hi"}]


def ask(gateway, key="sk-a", **options):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
    return client.chat.completions.create(model="nova", messages=QUESTION, **options)


@pytest.fixture
def no_aws(monkeypatch, tmp_path):
    """An environment in which the SDK finds nothing."""
    for name in os.environ:
        if name.startswith("AWS_") or name == "GATEWAY_CONFIG":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def sentence_of(capsys, *arguments: str) -> str:
    """The one sentence on stderr with which the command ends with 2."""
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MODELS, "nobody could call this gateway"),
        (MODELS + TENANT + 'fallback = ["x"]', "unknown key tenants.0.fallback"),
        (MODELS + 'fallback = ["x"]\n' + TENANT, "'nova' falls back to 'x'"),
        (MODELS + 'openai = "http://h/v1"\n' + TENANT, "has bedrock and openai"),
        ("nonsense", "is not TOML"),
        (MODELS + TENANT, "bedrock-runtime needs a region: set AWS_REGION"),
    ],
)
def test_a_wrong_file_ends_it_with_one_sentence(no_aws, capsys, tmp_path, text, words):
    path = tmp_path / "gateway.toml"
    path.write_text(text)

    assert words in sentence_of(capsys, "--config", str(path))


def test_without_credentials_it_does_not_start(no_aws, capsys):
    no_aws.setenv("AWS_REGION", "us-east-2")
    no_aws.setenv("GATEWAY_CONFIG", MODELS + TENANT)

    assert "no AWS credentials were found" in sentence_of(capsys)


def test_without_a_configuration_it_does_not_start(no_aws, capsys, tmp_path):
    assert "give --config FILE, or set GATEWAY_CONFIG" in sentence_of(capsys)
    missing, binary = tmp_path / "none.toml", tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert f"{missing} cannot be read: No such file" in sentence_of(
        capsys, "--config", str(missing)
    )
    assert "binary.toml is not UTF-8 text" in sentence_of(capsys, "--config", str(binary))


def test_a_taken_port_is_a_sentence(no_aws, capsys):
    no_aws.setenv("GATEWAY_CONFIG", MODELS + TENANT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        assert f"cannot listen on 127.0.0.1 port {port}" in sentence_of(capsys, "--port", port)


@pytest.mark.parametrize("name", ["missing/state", "s" * 240, ""])
def test_a_state_that_cannot_be_kept_is_a_sentence(no_aws, capsys, tmp_path, name):
    no_aws.setenv("GATEWAY_CONFIG", '[[models]]\nname = "own"\nopenai = "http://127.0.0.1:9/v1"\n')
    state = tmp_path / name

    assert f"{state} cannot be used as state: " in sentence_of(capsys, "--state", str(state))


def test_the_process_itself_ends_with_2():
    command = [sys.executable, "-m", "workloads.gateway", "--config", "/does/not/exist"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1


def test_an_endpoint_of_one_service_wins_over_the_general_one(start_gateway, services, tmp_path):
    services.answer(NOVA, body=converse_answer({"text": "Hello"}))
    path = tmp_path / "gateway.toml"
    path.write_text(MODELS + TENANT)
    environment = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": services.url,
        "GATEWAY_CONFIG": "",
    }

    gateway = start_gateway("", "--config", str(path), **environment)

    assert ask(gateway).choices[0].message.content == "Hello"


def test_tenants_of_a_table_are_let_in(start_gateway, services):
    services.answer(NOVA, body=converse_answer({"text": "Hello"}))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        boto3.resource("dynamodb", "us-east-2", endpoint_url=url, **keys).create_table(
            TableName="rows",
            KeySchema=[{"AttributeName": "key_sha256", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key_sha256", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        ).put_item(Item={"key_sha256": sha256("sk-row"), "name": "row", "models": ["nova"]})

        gateway = start_gateway(MODELS, "--table", "rows", AWS_ENDPOINT_URL_DYNAMODB=url)

        assert ask(gateway, "sk-row").choices[0].message.content == "Hello"
        with pytest.raises(openai.AuthenticationError):
            ask(gateway, "sk-other")
    finally:
        server.stop()


def test_it_ends_with_0_after_the_streams_that_are_open(start_gateway, services):
    gate = Gate()
    begin, first, *rest = converse_stream(["Hel", "lo"])
    services.answer(NOVA, begin, first, gate, *rest)
    gateway = start_gateway(MODELS + TENANT)
    stream = iter(ask(gateway, stream=True))
    next(stream)

    gateway.process.terminate()
    while True:  # until it takes no new connections
        try:
            socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":")[-1]))).close()
        except ConnectionError:
            break
    assert gateway.process.poll() is None
    gate.open()

    assert [c.choices[0].delta.content for c in stream] == ["Hel", "lo", None]
    assert gateway.ended() == 0
    assert {line["level"] for line in gateway.logged()} == {"info"}


def test_it_ends_with_0_on_ctrl_c(start_gateway):
    gateway = start_gateway(MODELS + TENANT)

    gateway.process.send_signal(2)

    assert gateway.ended() == 0
    assert {line["level"] for line in gateway.logged()} <= {"info"}
