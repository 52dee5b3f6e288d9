import aws_cdk as cdk
import pytest

from stacks.gateway import guardrail


@pytest.fixture
def rail(stacks):
    return stacks("prod")["gateway"].only("AWS::Bedrock::Guardrail")


def test_prompt_attacks_are_looked_for_in_what_is_asked(rail):
    filters = {f["Type"]: f for f in rail["ContentPolicyConfig"]["FiltersConfig"]}

    attack = filters.pop("PROMPT_ATTACK")

    assert (attack["InputStrength"], attack["OutputStrength"]) == ("HIGH", "NONE")
    assert set(filters) == {"HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT"}


def test_secrets_are_blocked_and_account_numbers_masked(rail):
    entities = rail["SensitiveInformationPolicyConfig"]["PiiEntitiesConfig"]
    actions = {entity["Type"]: entity["Action"] for entity in entities}

    assert actions["AWS_SECRET_KEY"] == "BLOCK"
    assert actions["CREDIT_DEBIT_CARD_NUMBER"] == "ANONYMIZE"
    assert "NAME" not in actions


def test_a_changed_policy_makes_a_new_version(synthesize, new_app, monkeypatch):
    def description():
        stack = cdk.Stack(new_app(), "Stack")
        guardrail.Guardrail(stack, "Guardrail")
        return synthesize(stack).only("AWS::Bedrock::GuardrailVersion")["Description"]

    before = description()
    assert description() == before
    monkeypatch.setattr(guardrail, "_SECRETS", ("PASSWORD",))

    assert description() != before
