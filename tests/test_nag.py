"""cdk-nag's AwsSolutions rules over every environment."""

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

ACKNOWLEDGED = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY


def acknowledged(construct):
    """Rule -> reason, of a construct and what it is in."""
    rules = {}
    while construct is not None:
        for entry in construct.node.metadata:
            if entry.type == ACKNOWLEDGED:
                for rule, reason in entry.data.items():
                    rules.setdefault(rule.removeprefix("Annotation::"), reason)
        construct = construct.node.scope
    return rules


def findings(scope):
    """What AwsSolutions finds, as (rule, construct, the reason given for it or None).

    A rule with several findings on one resource calls them rule[finding]; the findings name
    other stacks' outputs, so a reason is given for the rule.
    """
    report = AwsSolutionsChecks(scope).validate_scope(scope)
    constructs = {c.node.path: c for c in scope.node.find_all()}
    for violation in report.violations:
        rule = violation.rule_name.partition("[")[0]
        for resource in violation.violating_resources:
            reasons = acknowledged(constructs[resource.construct_path])
            yield violation.rule_name, resource.construct_path, reasons.get(rule)


@pytest.mark.parametrize("environment", ["demo", "dev", "prod", "closed", "open"])
def test_every_finding_of_aws_solutions_has_a_reason(stage, environment):
    found = list(findings(stage(environment)))

    assert [(rule, path) for rule, path, reason in found if not reason] == []
    assert found, "node roles at least have managed policies"
    for _, _, reason in found:
        assert len(reason.split()) > 5, reason
        assert reason.endswith("."), reason


def test_what_the_rules_are_for_is_found(new_app):
    """The check itself: a bucket without anything is refused."""
    stack = cdk.Stack(new_app(), "Stack")
    cdk.aws_s3.Bucket(stack, "Bare")

    unexplained = {rule for rule, _, reason in findings(stack) if reason is None}

    assert unexplained >= {"AwsSolutions-S1", "AwsSolutions-S10"}
