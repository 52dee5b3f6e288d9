"""The Bedrock guardrail that every request carries."""

import hashlib
import json

import aws_cdk as cdk
from aws_cdk import aws_bedrock as bedrock
from constructs import Construct

_Rail = bedrock.CfnGuardrail

_HARMS = ("HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT")
# Secrets never pass. Numbers that identify a person's money or state are masked; names and
# addresses are left, because most honest requests have some.
_SECRETS = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD")
_MASKED = (
    "CREDIT_DEBIT_CARD_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "US_BANK_ACCOUNT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
)


class Guardrail(Construct):
    """Content filters, prompt attacks and secrets, as a numbered version."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)

        content = _Rail.ContentPolicyConfigProperty(
            filters_config=[
                *(_filter(harm, asked="MEDIUM", answered="MEDIUM") for harm in _HARMS),
                # An attack is in what is asked; there is no filter of answers for it.
                _filter("PROMPT_ATTACK", asked="HIGH", answered="NONE"),
            ]
        )
        sensitive = _Rail.SensitiveInformationPolicyConfigProperty(
            pii_entities_config=[
                _Rail.PiiEntityConfigProperty(type=kind, action=action)
                for action, kinds in (("BLOCK", _SECRETS), ("ANONYMIZE", _MASKED))
                for kind in kinds
            ]
        )
        guardrail = _Rail(
            self,
            "Default",
            name=stack.stack_name,  # required, unlike other names
            blocked_input_messaging="The request was blocked by this service's guardrail.",
            blocked_outputs_messaging="The answer was blocked by this service's guardrail.",
            content_policy_config=content,
            sensitive_information_policy_config=sensitive,
        )
        rendered = json.dumps(stack.resolve([content, sensitive]), sort_keys=True)
        version = bedrock.CfnGuardrailVersion(
            self,
            "Version",
            guardrail_identifier=guardrail.attr_guardrail_id,
            # A version is a copy; a changed description is what makes a new one.
            description=f"policies {hashlib.sha256(rendered.encode()).hexdigest()[:16]}",
        )
        self.arn = guardrail.attr_guardrail_arn
        self.id = guardrail.attr_guardrail_id
        self.version = version.attr_version


def _filter(harm: str, *, asked: str, answered: str) -> _Rail.ContentFilterConfigProperty:
    return _Rail.ContentFilterConfigProperty(
        type=harm, input_strength=asked, output_strength=answered
    )
