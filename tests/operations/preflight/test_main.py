import json
import os
import subprocess
import sys

import pytest

from operations.preflight.__main__ import _FIRST_SECONDS, _SECONDS, main
from operations.preflight.questions import QUESTIONS
from tests.operations.preflight.aws_server import Refusal
from tests.operations.preflight.conftest import ROOT
from tests.operations.preflight.faults.capacity import no_trainium_quota
from tests.operations.preflight.healthy import healthy


def test_a_command_is_given_whole_and_the_findings_by_area(aws, environments, capsys):
    aws.answers = healthy("prod", environments["prod"])
    no_trainium_quota(aws.answers)

    code = main(["prod"])

    said = capsys.readouterr().out
    assert code == 1
    assert "capacity" in said
    assert (
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code "
        "L-2C3B7624 --desired-value 512 --region us-east-2\n" in said
    )
    assert "1 fails" in said.splitlines()[-1]


def test_progress_goes_to_standard_error(aws, environments, capsys):
    aws.answers = healthy("dev", environments["dev"])

    main(["dev", "--json"])

    said = capsys.readouterr()
    result = json.loads(said.out)
    lines = said.err.splitlines()
    assert len(lines) == len(result["asked"])
    assert lines[-1].startswith(f"{len(lines)}/{len(lines)} ")


def test_of_another_account_nothing_more_is_asked(preflight, aws):
    def other(answers):
        answers["sts:GetCallerIdentity"]["Account"] = "999999999999"

    result = preflight("closed", other)

    assert result.answer["asked"] == ["account", "region-enabled"]


def test_the_policy_is_printed_without_credentials(capsys):
    code = main(["--policy"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["Version"] == "2012-10-17"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "'nowhere' is not an environment of "),
        (["dev", "--environments", "/nowhere"], "/nowhere is not a folder"),
    ],
)
def test_input_that_cannot_be_used(capsys, arguments, complaint):
    code = main(arguments)

    [sentence] = capsys.readouterr().err.splitlines()
    assert code == 2
    assert complaint in sentence


def test_no_environment_at_all(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "give an environment" in capsys.readouterr().err


def test_without_credentials(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    environment["AWS_EC2_METADATA_DISABLED"] = "true"

    run = subprocess.run(
        [sys.executable, "-m", "operations.preflight", "dev"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    [sentence] = run.stderr.splitlines()
    assert run.returncode == 2
    assert sentence.startswith("there are no AWS credentials; ")
    assert run.stdout == ""


def test_credentials_that_have_ended(aws, capsys):
    aws.answers = {"sts:GetCallerIdentity": Refusal("ExpiredToken", "the token has expired", 403)}

    code = main(["dev"])

    [sentence] = capsys.readouterr().err.splitlines()
    assert code == 2
    assert (
        "AWS does not take these credentials (sts:GetCallerIdentity is answered with ExpiredToken"
        in sentence
    )


def test_every_question_has_a_source_and_asks_something():
    for question in QUESTIONS.values():
        assert question.asks and question.title and question.without
        assert all(source.startswith("https://") for source in question.sources)
        assert question.sources


def test_it_never_takes_longer_than_half_a_minute():
    """Whatever AWS does: what is not answered by then is said not to be."""
    assert _FIRST_SECONDS + _SECONDS < 30


def test_the_quota_of_buckets_is_asked_where_it_is_kept(preflight, aws):
    preflight("prod")

    asked = {
        (region, parameters["ServiceCode"])
        for region, operation, parameters in aws.asked
        if operation == "service-quotas:ListServiceQuotas"
    }
    assert {region for region, service in asked if service == "s3"} == {"us-east-1"}
    assert {region for region, service in asked if service != "s3"} == {"us-east-2"}
