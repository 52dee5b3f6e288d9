"""Profiles by tenant and model, as the environment `open` asks for them."""

import re

import pytest

from stacks.gateway.attribution import TAG
from tests.stacks.gateway.tasks import settings, task_statements

PROFILE = "AWS::Bedrock::ApplicationInferenceProfile"
HERE = "arn:aws:bedrock:us-east-1"
SOURCES = {
    "nova": f"{HERE}:111122223333:inference-profile/us.amazon.nova-lite-v1:0",
    "plain/nova": f"{HERE}::foundation-model/amazon.nova-lite-v1:0",
}


@pytest.fixture
def gateway(stacks):
    return stacks("open")["gateway"]


def test_each_tenant_has_a_profile_of_each_model_under_its_tag(gateway):
    made = [
        (
            profile["ModelSource"]["CopyFrom"],
            {tag["Key"]: tag["Value"] for tag in profile["Tags"]}[TAG],
        )
        for profile in gateway.every(PROFILE).values()
    ]

    assert sorted(made) == sorted(
        (source, tenant) for source in SOURCES.values() for tenant in ("team-a", "team-b")
    )


def test_names_are_such_as_bedrock_takes_and_differ(gateway):
    names = [profile["InferenceProfileName"] for profile in gateway.every(PROFILE).values()]

    assert len(set(names)) == len(names) == 4
    for name in names:
        assert re.fullmatch(r"([0-9a-zA-Z][ _-]?)+", name) and len(name) <= 64
        assert name.startswith("open-gateway-")


def test_the_gateway_asks_through_them(gateway):
    models = {model["name"]: model for model in settings(gateway)["models"]}

    for name in SOURCES:
        assert set(models[name]["profiles"]) == {"team-a", "team-b"}


def test_a_model_is_reached_through_its_profiles_and_each_of_them_is_bound_to_it(gateway):
    """Besides the two tenants' profiles of both models there is the one that all share."""
    bound = [
        (statement["Resource"].rpartition("/")[2], str(profile))
        for statement in task_statements(gateway)
        if (condition := statement.get("Condition", {}).get("StringEquals", {}))
        if (profile := condition.get("bedrock:InferenceProfileArn"))
    ]

    assert {model for model, _ in bound} == {"amazon.nova-lite-v1:0"}
    assert len(set(bound)) == 5


@pytest.mark.parametrize("environment", ["demo", "prod", "closed"])
def test_nobody_has_one_unless_asked(stacks, environment):
    assert not stacks(environment)["gateway"].every(PROFILE)
