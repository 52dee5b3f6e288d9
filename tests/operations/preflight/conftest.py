"""Preflight's command against an account that a test describes."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import operations.preflight.__main__ as command
from operations.preflight.aws import _CONFIG, new_session
from stacks.config import ENVIRONMENTS, load_environments
from tests.operations.preflight.aws_server import Aws, serve
from tests.operations.preflight.healthy import healthy

ROOT = Path(__file__).parents[3]
FOLDERS = {
    **dict.fromkeys(("demo", "dev", "prod"), ENVIRONMENTS),
    **dict.fromkeys(("closed", "open"), ROOT / "tests" / "stacks" / "environments"),
}


@dataclass(frozen=True)
class Result:
    """What the command ended with, and what it said."""

    code: int
    answer: dict
    error: str

    @property
    def findings(self):
        return self.answer["findings"]

    def of(self, severity):
        return [row for row in self.findings if row["severity"] == severity]


@pytest.fixture(scope="session")
def server():
    aws = Aws()
    server = serve(aws)
    yield aws
    server.shutdown()


class Session:
    """A session that makes each client once for all tests: making them is most of a run's time."""

    def __init__(self):
        self._session = new_session()
        self._made = cache(self._client)

    def get_credentials(self):
        return self._session.get_credentials()

    def client(self, service, *, region_name, config):
        return self._made(service, region_name)

    def _client(self, service, region_name):
        return self._session.client(service, region_name=region_name, config=_CONFIG)


@pytest.fixture(scope="session")
def session():
    return cache(Session)


@pytest.fixture
def aws(server, session, monkeypatch):
    """The AWS that the SDK's environment points to; a test sets its answers."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    made = session()
    monkeypatch.setattr(command, "new_session", lambda: made)
    monkeypatch.setattr(command, "_FIRST_SECONDS", 300)  # however slow this machine is
    monkeypatch.setattr(command, "_SECONDS", 300)
    server.answers, server.asked, server.wrong = {}, [], []
    yield server
    assert not server.wrong, "\n".join(server.wrong)


@pytest.fixture
def preflight(aws, environments, capsys):
    """Run the command on an environment in a healthy account, after `change` of its answers."""

    def run(name, change=lambda answers: None, *, deployed=False, folder=None):
        config = load_environments(folder)[name] if folder else environments[name]
        aws.answers = healthy(name, config, deployed=deployed)
        change(aws.answers)
        code = command.main([name, "--json", "--environments", str(folder or FOLDERS[name])])
        said = capsys.readouterr()
        return Result(code, json.loads(said.out or "{}"), said.err)

    return run
