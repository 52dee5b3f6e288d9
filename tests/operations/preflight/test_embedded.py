"""The command itself against the embedded AWS, which enforces IAM and is nobody's table."""

import contextlib
import io
import json

import pytest

import operations.preflight.__main__ as command
from operations.embedded.access import decisions
from operations.embedded.emulator import Emulator
from operations.preflight.policy import policy
from operations.preflight.questions import QUESTIONS

BUCKET = "cdk-hnb659fds-assets-000000000000-us-east-2"
NOBODY = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with Emulator(folder=tmp_path_factory.mktemp("aws"), region="us-east-2") as emulator:
        yield emulator


def key_of(emulator, user, document):
    """The key of a new user who may do what a policy says."""
    iam = emulator.client("iam")
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def preflight(emulator, key):
    """What the command finds as a user of the emulated account, however slow this machine is."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        for name, value in (emulator.exports | key).items():
            patch.setenv(name, value)
        patch.setattr(command, "_FIRST_SECONDS", 300)
        patch.setattr(command, "_SECONDS", 300)
        code = command.main(["demo", "--json"])
    assert code in (0, 1)
    return json.loads(said.getvalue())


def document():
    """The policy, as the emulator can judge it: it asks of all parameters, where AWS asks of each.

    Systems Manager user guide, "Restricting access to Parameter Store parameters using IAM".
    """
    document = policy(QUESTIONS.values())
    for statement in document["Statement"]:
        if statement["Action"] == "ssm:GetParameters":
            statement["Resource"] = "*"
    return document


@pytest.fixture(scope="module")
def key(emulator):
    return key_of(emulator, "preflight", document())


@pytest.fixture(scope="module")
def first(emulator, key):
    emulator.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    return preflight(emulator, key)


def said(answer, question):
    return [row["what"] for row in answer["findings"] if row["question"] == question]


def test_the_policy_is_enough(first, emulator):
    mine = [decision for decision in decisions(emulator) if decision.who.endswith("/preflight")]

    assert len(mine) > 15
    assert [str(decision) for decision in mine if not decision.allowed] == []
    assert len(first["asked"]) - len(first["not_answered"]) > 15


def test_every_statement_of_the_policy_is_needed(first, emulator):
    less = document()
    rest = {row["Action"] for row in less["Statement"][1:]}
    less["Statement"] = less["Statement"][:1]

    answer = preflight(emulator, key_of(emulator, "less", less))

    whats = [row["what"] for row in answer["findings"] if "may not call" in row["what"]]
    assert {what.rpartition(" ")[2] for what in whats} == rest


def test_what_is_in_the_way_is_found(first, emulator, key):
    """Each is made through the service's own API."""
    emulator.client("bedrock").create_guardrail(
        name="demo-gateway", blockedInputMessaging="no", blockedOutputsMessaging="no"
    )
    emulator.client("ecr").create_repository(repositoryName="demo/workloads")
    emulator.client("iam").create_role(
        RoleName="AWSServiceRoleForECS", AssumeRolePolicyDocument=NOBODY
    )
    properties = {"ClusterName": "none", "AddonName": "coredns"}
    bad = {"Type": "AWS::EKS::Addon", "Properties": properties}
    emulator.client("cloudformation").create_stack(
        StackName="demo-network", TemplateBody=json.dumps({"Resources": {"Bad": bad}})
    )

    second = preflight(emulator, key)

    for question in ("guardrail-name", "repository-name", "stacks"):
        assert not said(first, question) and said(second, question), question
    assert any("AWSServiceRoleForECS " in what for what in said(first, "service-linked-roles"))
    assert not any("AWSServiceRoleForECS " in w for w in said(second, "service-linked-roles"))
