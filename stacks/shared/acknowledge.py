"""Findings of cdk-nag that stand, each with the reason why."""

import aws_cdk as cdk
from constructs import IConstruct

# The two packs name the rules they share alike.
_PACKS = ("NIST.800.53.R5", "HIPAA.Security")


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Say why rules do not hold for a construct and what is in it.

    `reasons` maps a rule to a sentence. A rule of NIST 800-53 and HIPAA goes by what follows the
    pack's name ("S3BucketReplicationEnabled"), any other by its whole name ("AwsSolutions-IAM5").
    """
    cdk.Validations.of(construct).acknowledge(
        *(
            cdk.Acknowledgment(id=id, reason=reason)
            for rule, reason in reasons.items()
            for id in _ids(rule)
        )
    )


def _ids(rule: str) -> list[str]:
    return [f"{pack}-{rule}" for pack in _PACKS] if rule.isalnum() else [rule]
