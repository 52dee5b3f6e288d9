import aws_cdk as cdk
import pytest

from stacks.gateway.bedrock_access import statements

HERE = "arn:aws:bedrock:us-east-2:111122223333"


@pytest.fixture
def allowed(new_app):
    """Give each statement for the models, as (resource, profile it is bound to or None)."""
    target = cdk.Environment(account="111122223333", region="us-east-2")
    stack = cdk.Stack(new_app(), "Stack", env=target)

    def of(*models):
        found = []
        for statement in statements(list(models), stack=stack):
            rendered = stack.resolve(statement.to_statement_json())
            assert rendered["Effect"] == "Allow"
            assert rendered["Action"] == [
                "bedrock:InvokeModel",
                "bedrock:InvokeModelWithResponseStream",
            ]
            condition = rendered.get("Condition")
            if condition:
                [bound] = condition["StringEquals"].values()
                assert list(condition["StringEquals"]) == ["bedrock:InferenceProfileArn"]
            found.append((rendered["Resource"], bound if condition else None))
        return found

    return of


def test_a_model_id_is_the_foundation_model_in_this_region(allowed):
    assert allowed("amazon.nova-lite-v1:0") == [
        ("arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0", None)
    ]


@pytest.mark.parametrize(
    ("profile", "model"),
    [
        ("us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("eu.mistral.pixtral-large-2502-v1:0", "mistral.pixtral-large-2502-v1:0"),
        ("apac.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"),
        (
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_a_profile_is_itself_and_its_model_through_itself_alone(allowed, profile, model):
    arn = f"{HERE}:inference-profile/{profile}"

    assert allowed(profile) == [
        (arn, None),
        (f"arn:aws:bedrock:*::foundation-model/{model}", arn),
    ]


def test_an_application_profile_is_itself_and_what_it_routes_to(allowed):
    arn = f"{HERE}:application-inference-profile/abc123"

    assert allowed(arn) == [(arn, None), ("arn:aws:bedrock:*::foundation-model/*", arn)]


@pytest.mark.parametrize(
    "arn",
    [
        f"{HERE}:imported-model/xyz789",
        f"{HERE}:provisioned-model/xyz789",
        f"{HERE}:custom-model-deployment/xyz789",
        "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0",
    ],
)
def test_any_other_arn_is_allowed_as_it_is(allowed, arn):
    assert allowed(arn) == [(arn, None)]


def test_a_profiles_arn_is_read_like_its_id(allowed):
    arn = f"{HERE}:inference-profile/us.amazon.nova-lite-v1:0"

    assert allowed(arn) == allowed("us.amazon.nova-lite-v1:0")


def test_a_model_whose_maker_begins_like_a_region_is_no_profile(allowed):
    assert allowed("amazon.titan-text-v1") == [
        ("arn:aws:bedrock:us-east-2::foundation-model/amazon.titan-text-v1", None)
    ]


def test_no_model_is_no_permission(allowed):
    assert allowed() == []
