"""cdk-nag over every environment: AWS's own rules, NIST 800-53 and HIPAA."""

from functools import cache

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

PACKS = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks)
ACKNOWLEDGED = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY


# Every question to a construct goes to the CDK's process, so each is asked once.
@cache
def constructs_in(scope):
    """Construct by path, of all in a stage or stack."""
    return {construct.node.path: construct for construct in scope.node.find_all()}


@cache
def acknowledged(construct):
    """Rule -> reason, of a construct and what it is in."""
    if construct is None:
        return {}
    rules = {
        rule.removeprefix("Annotation::"): reason
        for entry in reversed(construct.node.metadata)
        if entry.type == ACKNOWLEDGED
        for rule, reason in entry.data.items()
    }
    return acknowledged(construct.node.scope) | rules


def findings(pack, scope):
    """What a pack of rules finds, as (rule, construct, the reason given for it or None).

    A rule with several findings on one resource calls them rule[finding]; the findings name
    other stacks' outputs, so a reason is given for the rule.
    """
    report = pack(scope).validate_scope(scope)
    constructs = constructs_in(scope)
    for violation in report.violations:
        rule = violation.rule_name.partition("[")[0]
        for resource in violation.violating_resources:
            reasons = acknowledged(constructs[resource.construct_path])
            yield violation.rule_name, resource.construct_path, reasons.get(rule)


every_environment = pytest.mark.parametrize(
    "environment", ["demo", "dev", "prod", "closed", "open"]
)


@pytest.mark.parametrize("pack", PACKS)
@every_environment
def test_every_finding_has_a_reason(stage, environment, pack):
    found = findings(pack, stage(environment))

    assert [(rule, path) for rule, path, reason in found if not reason] == []


@every_environment
def test_every_reason_is_a_sentence(stage, environment):
    reasons = {
        (rule, reason)
        for construct in constructs_in(stage(environment)).values()
        for rule, reason in acknowledged(construct).items()
        if not rule.startswith("CloudFormation-Validate")  # the CDK's own
    }

    assert reasons
    for rule, reason in reasons:
        assert len(reason.split()) > 5, (rule, reason)
        assert reason.endswith("."), (rule, reason)


def test_what_the_rules_are_for_is_found(new_app):
    """The check itself: a bucket without anything is refused."""
    stack = cdk.Stack(new_app(), "Stack")
    cdk.aws_s3.Bucket(stack, "Bare")

    unexplained = {
        rule for pack in PACKS for rule, _, reason in findings(pack, stack) if reason is None
    }

    assert unexplained >= {
        "AwsSolutions-S1",
        "AwsSolutions-S10",
        "HIPAA.Security-S3BucketSSLRequestsOnly",
        "NIST.800.53.R5-S3BucketVersioningEnabled",
    }
