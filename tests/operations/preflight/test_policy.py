"""The policy is exactly what asking takes: recorded, not believed."""

import pytest

from operations.preflight.aws import new_session
from operations.preflight.policy import action, actions, policy
from operations.preflight.questions import QUESTIONS
from tests.operations.preflight.aws_server import Refusal
from tests.operations.preflight.conftest import FOLDERS

# Models of every kind that an ARN may name, which no environment has all of.
MORE_MODELS = """
[[gateway.models]]
name    = "provisioned"
bedrock = "arn:aws:bedrock:us-west-2:111122223333:provisioned-model/pro123"
[[gateway.models]]
name    = "customized"
bedrock = "arn:aws:bedrock:us-west-2:111122223333:custom-model-deployment/dep123"
"""
ALLOWED = actions(QUESTIONS.values())


def test_it_allows_what_is_asked_and_nothing_more(preflight, aws, tmp_path):
    text = (FOLDERS["closed"] / "closed.toml").read_text() + MORE_MODELS
    (tmp_path / "closed.toml").write_text(text)
    asked = set()
    for name, folder in (("closed", tmp_path), ("open", None), ("dev", None), ("prod", None)):
        for deployed in (False, True):
            assert preflight(name, deployed=deployed, folder=folder).code == 0
            asked |= {operation for _, operation, _ in aws.asked}

    assert {action(*operation.split(":")) for operation in asked} == set(ALLOWED)


def test_every_statement_names_its_actions_and_only_reads():
    statements = policy(QUESTIONS.values())["Statement"]
    named = [
        name
        for row in statements
        for name in (row["Action"] if isinstance(row["Action"], list) else [row["Action"]])
    ]

    assert sorted(named) == ALLOWED
    for name in named:
        assert "*" not in name
        assert name.split(":")[1].startswith(("BatchGet", "Describe", "Get", "List"))


def test_iam_calls_a_service_as_its_requests_are_signed():
    session = new_session()._session
    for ask in {ask for question in QUESTIONS.values() for ask in question.asks}:
        service, operation = ask.split(":")
        model = session.get_service_model(service)

        assert action(service, operation).partition(":")[0] == model.signing_name
        assert operation in model.operation_names


@pytest.mark.parametrize(
    "operation",
    [
        "ec2:DescribeVpcs",
        "service-quotas:ListServiceQuotas",
        "s3:ListBuckets",
        "s3:HeadBucket",
        "bedrock:GetFoundationModelAvailability",
        "ce:ListCostAllocationTags",
        "cloudformation:DescribeStacks",
    ],
)
def test_what_may_not_be_asked_is_said_and_the_rest_is_asked(preflight, operation):
    code = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied"}.get(
        operation.split(":")[0], "AccessDeniedException"
    )

    def deny(answers):
        answers[operation] = Refusal(code, "not authorized", 403)

    result = preflight("prod", deny)

    wanting = {id for id, question in QUESTIONS.items() if operation in question.asks}
    unasked = set(result.answer["not_answered"])
    assert unasked and unasked <= wanting
    for row in result.findings:
        if row["question"] in unasked:
            assert row["severity"] == "may fail"
            assert action(*operation.split(":")) in row["what"]
            assert "--policy" in row["fix"]
    assert result.code == 0
    assert set(result.answer["asked"]) >= {"vcpu-quotas", "bedrock-access", "stacks"}
