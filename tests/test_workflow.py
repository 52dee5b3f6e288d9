"""The example workflow of GitHub Actions and the role that it deploys with."""

import json
import re
from pathlib import Path

import pytest
import yaml
from cfnlint import decode
from cfnlint.api import lint_file

GITHUB = Path(__file__).parents[1] / ".github"
ROLE = GITHUB / "deploy-role.yaml"
WORKFLOW = yaml.safe_load((GITHUB / "workflows" / "deploy.yml").read_text())


@pytest.fixture(scope="module")
def role():
    template, problems = decode.decode(str(ROLE))
    assert not problems
    return json.loads(json.dumps(template))["Resources"]["DeployRole"]["Properties"]


def steps():
    return [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_to_a_commit():
    used = [step["uses"] for step in steps() if "uses" in step]

    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action


def test_a_job_may_do_no_more_than_read_and_prove_who_it_is():
    assert WORKFLOW["permissions"] == {}
    for job in WORKFLOW["jobs"].values():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["environment"], "GitHub asks its reviewers, and the role trusts it alone"


def test_no_key_is_stored_and_no_input_is_pasted_into_a_shell():
    text = (GITHUB / "workflows" / "deploy.yml").read_text()

    assert "secrets." not in text
    for step in steps():
        assert "${{" not in step.get("run", "")


def test_the_environments_to_choose_from_exist(environments):
    [choice] = WORKFLOW[True]["workflow_dispatch"]["inputs"].values()  # YAML reads "on" as true

    assert set(choice["options"]) <= set(environments)


def test_the_template_of_the_role_is_one():
    assert lint_file(ROLE) == []


def test_only_one_repository_and_environment_get_the_role(role):
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]

    assert set(statement["Condition"]) == {"StringEquals"}
    assert statement["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": {
            "Fn::Sub": "repo:${Repository}:environment:${Environment}"
        },
    }


def test_the_role_has_no_wildcard(role):
    assert "*" not in json.dumps(role)
