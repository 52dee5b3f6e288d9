"""The stacks are CloudFormation's own, in moto."""

import json

import boto3
import pytest
from moto import mock_aws

from workloads.command import InputError
from workloads.deploy.imports import PREFIX, ROLE, choose, find

ARN = "arn:aws:iam::123456789012:role/{}"


def template(name, *outputs):
    values = {
        ROLE: ARN.format(name),
        PREFIX: f"s3://models-{name}/bedrock",
        "ModelsBucket": f"models-{name}",
    }
    return json.dumps(
        {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}},
            "Outputs": {key: {"Value": values[key]} for key in outputs},
        }
    )


@pytest.fixture
def cloudformation(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("cloudformation", region_name="us-east-2")
        client.create_stack(StackName="dev-network", TemplateBody=template("dev", "ModelsBucket"))
        yield client


def deploy(client, *names):
    for name in names:
        body = template(name, "ModelsBucket", ROLE, PREFIX)
        client.create_stack(StackName=f"{name}-storage", TemplateBody=body)


def test_the_only_environment_is_taken(cloudformation):
    deploy(cloudformation, "dev")

    chosen = choose(find(cloudformation), None)

    assert (chosen.stack, chosen.role) == ("dev-storage", ARN.format("dev"))
    assert chosen.prefix == "s3://models-dev/bedrock"


@pytest.mark.parametrize("to", ["s3://models-prod/bedrock", "s3://models-prod/bedrock/tiny"])
def test_where_the_model_goes_decides_between_environments(cloudformation, to):
    deploy(cloudformation, "dev", "prod")

    assert choose(find(cloudformation), to).role == ARN.format("prod")


@pytest.mark.parametrize(
    ("names", "to", "sentence"),
    [
        ((), None, f"no stack here has the output {ROLE}"),
        (("dev", "prod"), None, "several environments import models: give --to below one of s3:"),
        (("dev",), "s3://models-dev/other", "is below none of s3://models-dev/bedrock"),
        (("dev",), "s3://models-dev/bedrock2", "is below none of s3://models-dev/bedrock"),
    ],
)
def test_what_is_unclear_is_a_sentence(cloudformation, names, to, sentence):
    deploy(cloudformation, *names)

    with pytest.raises(InputError, match=sentence):
        choose(find(cloudformation), to)


def test_the_outputs_are_those_that_the_storage_stack_has(stacks):
    """Of every environment: the names here are the ones that it gives them."""
    for name in ("demo", "dev", "prod"):
        assert {ROLE, PREFIX} <= stacks(name)["storage"].template["Outputs"].keys()
