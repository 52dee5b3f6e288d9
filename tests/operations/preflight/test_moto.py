"""The command against moto's server, whose EC2 data are AWS's own answers, and nobody's table.

Most other services lack what is asked there: a page of HTML is an answer that has to be borne.
"""

import json

import pytest

import operations.preflight.__main__ as command
from tests.operations.conftest import serve_moto
from tests.operations.preflight.conftest import FOLDERS

SECONDS = 300.0  # moto reads its data at the first call


@pytest.fixture(scope="module")
def moto():
    yield from serve_moto()


@pytest.fixture
def findings(moto, monkeypatch, capsys):
    """What is found for an environment, by question."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": moto,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(command, "_FIRST_SECONDS", SECONDS)
    monkeypatch.setattr(command, "_SECONDS", SECONDS)

    def of(name):
        command.main([name, "--json", "--environments", str(FOLDERS[name])])
        answer = json.loads(capsys.readouterr().out)
        found = {question: [] for question in answer["asked"]}
        for row in answer["findings"]:
            found[row["question"]].append(row["what"])
        return found

    return of


@pytest.mark.parametrize("name", ["prod", "open"])
def test_zones_and_types_are_as_ec2_answers(findings, name):
    found = findings(name)

    assert (found["region-enabled"], found["zones"], found["offered"]) == ([], [], [])
    assert all(len(what) < 500 for whats in found.values() for what in whats)
    assert any(what.startswith("account 123456789012 is not") for what in found["bootstrap"])
