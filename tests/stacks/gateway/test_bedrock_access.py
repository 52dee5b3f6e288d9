import aws_cdk as cdk
import pytest

from stacks.gateway.bedrock_access import source_of, statements

HERE = "arn:aws:bedrock:us-east-2:111122223333"


@pytest.fixture
def rendered(new_app):
    """Give each statement for the models, as a policy has it."""
    target = cdk.Environment(account="111122223333", region="us-east-2")
    stack = cdk.Stack(new_app(), "Stack", env=target)

    def of(*models):
        sources = [source_of(model, stack) for model in models]
        return [
            stack.resolve(statement.to_statement_json())
            for statement in statements(sources, stack=stack)
        ]

    return of


@pytest.fixture
def allowed(rendered):
    """Give what may be invoked, as (resource, profile it is bound to or None)."""

    def of(*models):
        found = []
        for statement in rendered(*models):
            assert statement["Effect"] == "Allow"
            if statement["Action"] == "bedrock:CountTokens":
                continue
            assert statement["Action"] == [
                "bedrock:InvokeModel",
                "bedrock:InvokeModelWithResponseStream",
            ]
            condition = statement.get("Condition")
            if condition:
                [bound] = condition["StringEquals"].values()
                assert list(condition["StringEquals"]) == ["bedrock:InferenceProfileArn"]
            found.append((statement["Resource"], bound if condition else None))
        return found

    return of


@pytest.fixture
def counted(rendered):
    """Give the models whose tokens may be counted."""

    def of(*models):
        found = [s["Resource"] for s in rendered(*models) if s["Action"] == "bedrock:CountTokens"]
        return [arn for each in found for arn in (each if isinstance(each, list) else [each])]

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


@pytest.mark.parametrize(
    "model",
    [
        "amazon.nova-lite-v1:0",
        "us.amazon.nova-lite-v1:0",
        f"{HERE}:inference-profile/us.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0",
    ],
)
def test_tokens_are_counted_by_the_foundation_model_in_this_region(counted, model):
    assert counted(model) == ["arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0"]


def test_two_ways_to_one_model_count_by_it_once(counted):
    models = ("us.amazon.nova-lite-v1:0", "global.amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0")

    assert counted(*models) == [
        "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-2::foundation-model/amazon.nova-pro-v1:0",
    ]


@pytest.mark.parametrize("kind", ["imported-model", "application-inference-profile"])
def test_what_does_not_say_its_model_counts_nothing(counted, kind):
    assert counted(f"{HERE}:{kind}/abc123") == []
