"""The key command against a file and a real DynamoDB table, and a gateway that knows the file."""

import json
import re
import sqlite3

import boto3
import openai
import pytest
from moto.server import ThreadedMotoServer

from tests.workloads.gateway.conftest import sha256
from tests.workloads.gateway.fakes import converse_answer
from workloads.gateway.keys import __main__ as command
from workloads.gateway.keys.__main__ import main

NOVA = "amazon.nova-lite-v1:0"
MODELS = f'[[models]]\nname = "nova"\nbedrock = "{NOVA}"\n'


@pytest.fixture(scope="module")
def dynamodb():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    yield url, boto3.client("dynamodb", "us-east-2", endpoint_url=url, **keys)
    server.stop()


@pytest.fixture(params=["--state", "--table"])
def place(request, tmp_path, dynamodb, monkeypatch):
    """Arguments that name an empty place."""
    if request.param == "--state":
        return ["--state", str(tmp_path / "state")]
    url, client = dynamodb
    client.create_table(
        TableName=tmp_path.name,
        KeySchema=[{"AttributeName": "key_sha256", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key_sha256", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for name, value in {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_REGION": "us-east-2",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(name, value)
    return ["--table", tmp_path.name]


@pytest.fixture
def keys(place, capsys):
    """Run the command in the place; what it prints as JSON."""

    def run(command, *arguments):
        main([command, *place, "--json", *arguments])
        return json.loads(capsys.readouterr().out)

    return run


def refused(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_a_new_key_is_told_once_and_listed_without_its_secret(keys):
    limits = ["--requests-per-minute", "60", "--tokens-per-minute", "1000"]
    more = ["--monthly-budget-usd", "2.5", "--models", "nova", "own", "--admin"]

    made = keys("create", "--tenant", "team-a", *limits, *more, "--expires", "90d")

    assert re.fullmatch(rf"sk-{made['id']}-[\w-]{{43}}", made["key"])
    [listed] = keys("list")
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["expires"] == listed["created"] + 90 * 86_400
    assert listed["expired"] is False
    settings = ("requests_per_minute", "tokens_per_minute", "monthly_budget_usd", "models", "admin")
    assert [listed[name] for name in settings] == [60, 1000, 2.5, ["nova", "own"], True]


def test_a_tenant_may_have_many_keys_and_one_set_of_limits(keys):
    keys("create", "--tenant", "team-a", "--requests-per-minute", "60")
    keys("create", "--tenant", "team-b", "--requests-per-minute", "6")

    second = keys("create", "--tenant", "team-a")
    third = keys("create", "--tenant", "team-a", "--tokens-per-minute", "99")

    assert second["requests_per_minute"] == third["requests_per_minute"] == 60
    rows = keys("list")
    assert [row["name"] for row in rows] == ["team-a", "team-a", "team-a", "team-b"]
    assert [row.get("tokens_per_minute") for row in rows] == [99, 99, 99, None]


def test_rotation_leaves_the_old_key_for_a_while(keys):
    old = keys("create", "--tenant", "team-a", "--requests-per-minute", "60")

    new = keys("rotate", old["id"], "--overlap", "2h")

    assert new["requests_per_minute"] == 60
    assert new["key"] != old["key"]
    rows = {row["id"]: row for row in keys("list")}
    assert 0 <= rows[old["id"]]["expires"] - new["created"] - 7200 <= 1
    assert "expires" not in rows[new["id"]]


def test_a_revoked_key_is_gone(keys):
    one, other = (keys("create", "--tenant", "team-a") for _ in range(2))

    assert keys("revoke", one["id"]) == {"id": one["id"], "tenant": "team-a", "keys_left": 1}

    assert [row["id"] for row in keys("list")] == [other["id"]]


def test_a_subject_needs_no_key(keys):
    made = keys("create", "--tenant", "team-a", "--subject", "alice@example.com")

    assert "key" not in made
    assert [row["subject"] for row in keys("list")] == ["alice@example.com"]


def test_without_json_the_key_alone_is_on_standard_output(place, capsys):
    main(["create", *place, "--tenant", "team-a"])

    output = capsys.readouterr()
    assert re.fullmatch(r"sk-[0-9a-f]{8}-[\w-]{43}\n", output.out)
    assert "it is not shown again" in output.err

    main(["list", *place])
    assert "team-a" in capsys.readouterr().out


def test_mistakes_are_sentences(place, capsys):
    main(["create", *place, "--tenant", "team-a", "--subject", "alice"])
    capsys.readouterr()

    for words, arguments in {
        "there is no key 'none'": ["revoke", *place, "none"],
        "is not a name": ["create", *place, "--tenant", "ü"],
        "greater than or equal to 1": [
            "create", *place, "--tenant", "a", "--requests-per-minute", "0"
        ],
        "'soon' is not a time such as": ["create", *place, "--tenant", "a", "--expires", "soon"],
        "has the subject 'alice' already": [
            "create", *place, "--tenant", "team-a", "--subject", "alice"
        ],
    }.items():  # fmt: skip
        error = refused(capsys, *arguments)
        assert words in error
        assert error.count("\n") == 1


def test_a_place_that_is_not_there_is_a_sentence(capsys, tmp_path, dynamodb, monkeypatch):
    missing = tmp_path / "none"
    assert "does not exist" in refused(capsys, "list", "--state", str(missing))
    assert not missing.exists()
    assert "required" in refused(capsys, "list")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb[0])
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert "table nowhere: " in refused(capsys, "list", "--table", "nowhere")


def test_the_file_holds_no_key(tmp_path, capsys):
    path = tmp_path / "state"
    main(["create", "--state", str(path), "--tenant", "team-a"])
    key = capsys.readouterr().out.strip()

    with sqlite3.connect(path) as connection:
        [row] = connection.execute("SELECT row_key, row FROM tenants").fetchall()
    assert row[0] == sha256(key)
    assert key.rpartition("-")[2] not in row[1]


def test_a_running_gateway_knows_new_rotated_and_revoked_keys(
    start_gateway, services, tmp_path, capsys
):
    services.answer(NOVA, body=converse_answer({"text": "Hello"}))
    place = ["--state", str(tmp_path / "state")]
    gateway = start_gateway(MODELS, *place)

    def allowed(key: str) -> bool:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
        question = [{"role": "user", "content": "Hi"}]
        try:
            client.chat.completions.create(model="nova", messages=question)
        except openai.AuthenticationError:
            return False
        return True

    def run(*arguments: str) -> str:
        main([*arguments, *place])
        return capsys.readouterr().out.strip()

    old = run("create", "--tenant", "team-a")
    assert allowed(old)
    new = run("rotate", old.split("-")[1])
    assert allowed(new)
    assert allowed(old)
    gone = run("rotate", new.split("-")[1], "--overlap", "0s")
    assert allowed(gone)
    run("revoke", gone.split("-")[1])
    while allowed(gone):  # it is believed for a second
        pass
    assert not allowed(new)
    assert allowed(old)


def test_a_key_that_goes_on_for_more_than_90_days_is_called_old(keys, place, capsys, monkeypatch):
    made = keys("create", "--tenant", "a")
    ending = keys("create", "--tenant", "a", "--expires", "365d")
    monkeypatch.setattr(command, "_now", lambda: made["created"] + 91 * 86_400)

    listed = {row["id"]: row["old"] for row in keys("list")}
    main(["list", *place])
    [line] = [line for line in capsys.readouterr().out.splitlines() if made["id"] in line]
    keys("rotate", made["id"], "--overlap", "24h")
    rotated = [row["old"] for row in keys("list")]

    assert listed == {made["id"]: True, ending["id"]: False}
    assert line.endswith("(old: rotate it)")
    assert rotated == [False, False, False]


def test_what_the_table_cannot_be_asked_without_is_named(capsys, monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    assert "AWS_REGION names it" in refused(capsys, "list", "--table", "t")
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert "no AWS credentials; AWS_PROFILE or" in refused(capsys, "list", "--table", "t")
