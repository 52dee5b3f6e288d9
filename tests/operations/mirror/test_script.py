"""The script is run, against commands that write down how they were called."""

import os
import subprocess

import pytest

from operations.mirror.plan import Copy, plan
from operations.mirror.script import script

COPIES = [
    Copy(kind="chart", source="registry.k8s.io/k/charts/k:1.0", target="k/charts/k:1.0"),
    Copy(kind="chart", source="https://aws.github.io/eks-charts", target="eks-charts/efa:v0.5.30"),
    Copy(kind="image", source="public.ecr.aws/n/plugin:2@sha256:0a", target="n/plugin:2"),
    Copy(
        kind="image",
        source="602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/efa:v1",
        target="eks/efa:v1",
    ),
]
OWN = "111122223333.dkr.ecr.eu-north-1.amazonaws.com"
FAKE = """#!/usr/bin/env bash
case "$(basename "$0") $*" in
  *get-login-password*) echo secret ;;
  *get-caller-identity*) echo 111122223333 ;;
  *" --password-stdin"*) [ "$(cat)" = secret ] || exit 1 ;;
  "crane digest "*) grep -qxF "${2##*/}" "$THERE" ;;
  *describe-repositories*) exit 254 ;;
esac
code=$?
echo "$(basename "$0") $*" >> "$CALLS"
exit $code
"""


@pytest.fixture
def run(tmp_path):
    """Run a script; the lines of what it called that changes something, and its answer."""
    for tool in ("aws", "crane", "helm"):
        (tmp_path / tool).write_text(FAKE)
        (tmp_path / tool).chmod(0o755)

    def run(text, there=""):
        (tmp_path / "calls").write_text("")
        (tmp_path / "there").write_text(there)
        answer = subprocess.run(
            ["bash"],
            input=text,
            capture_output=True,
            text=True,
            env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "CALLS": str(tmp_path / "calls"),
                "THERE": str(tmp_path / "there"),
            },
        )
        calls = (tmp_path / "calls").read_text().splitlines()
        return answer, calls

    return run


def of(calls, *starts):
    return [call for call in calls if call.startswith(starts)]


def test_each_copy_is_made_into_a_repository_that_exists(run):
    answer, calls = run(script("closed", "eu-north-1", "111122223333", COPIES))

    assert answer.returncode == 0, answer.stderr
    assert [
        call.split("--repository-name ")[1].split()[0] for call in calls if "create-" in call
    ] == [
        "k/charts/k",
        "eks-charts/efa",
        "n/plugin",
        "eks/efa",
    ]
    assert of(calls, "crane copy") == [
        f"crane copy registry.k8s.io/k/charts/k:1.0 {OWN}/k/charts/k:1.0",
        f"crane copy public.ecr.aws/n/plugin:2@sha256:0a {OWN}/n/plugin:2",
        f"crane copy 602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/efa:v1 {OWN}/eks/efa:v1",
    ]
    [pull, push] = of(calls, "helm pull", "helm push")
    assert pull.startswith(
        "helm pull efa --repo https://aws.github.io/eks-charts --version v0.5.30"
    )
    assert push.endswith(f"/efa-v0.5.30.tgz oci://{OWN}/eks-charts")


def test_it_signs_in_to_the_own_registry_and_to_those_of_other_accounts(run):
    _, calls = run(script("closed", "eu-north-1", "111122223333", COPIES))

    assert of(calls, "crane auth", "helm registry") == [
        f"crane auth login {OWN} -u AWS --password-stdin",
        f"helm registry login {OWN} -u AWS --password-stdin",
        "crane auth login 602401143452.dkr.ecr.us-west-2.amazonaws.com -u AWS --password-stdin",
    ]


def test_what_is_there_already_is_left_alone(run):
    there = "k:1.0\nefa:v0.5.30\nplugin:2\nefa:v1\n"

    answer, calls = run(script("closed", "eu-north-1", "111122223333", COPIES), there)

    assert answer.returncode == 0, answer.stderr
    assert of(calls, "crane copy", "helm pull", "helm push") == []


def test_credentials_of_another_account_copy_nothing(run):
    answer, calls = run(script("closed", "eu-north-1", "999988887777", COPIES))

    assert answer.returncode == 1
    assert answer.stderr == (
        "these are credentials of 111122223333; the environment is for 999988887777\n"
    )
    assert of(calls, "crane", "helm") == []


def test_without_an_account_it_is_the_callers(run):
    answer, calls = run(script("closed", "eu-north-1", None, COPIES))

    assert answer.returncode == 0, answer.stderr
    assert all(f"{OWN}/" in call for call in of(calls, "crane copy"))


def test_the_script_of_a_whole_environment_runs(run, environments):
    closed = environments["closed"]
    copies = plan(closed)

    answer, calls = run(script("closed", closed.region, closed.account, copies))

    assert answer.returncode == 0, answer.stderr
    assert len(of(calls, "crane copy", "helm push")) == len(copies)
