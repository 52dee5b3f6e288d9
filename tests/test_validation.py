"""CloudFormation's schemas and rules, which the CDK checks templates against."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_eks_v2 as eks

from app import compose


@pytest.fixture
def validated_app(context, tmp_path):
    """An app that checks what it writes, as `cdk synth` does."""
    context = context | {"aws:cdk:disable-asset-staging": True}
    return cdk.App(context=context, analytics_reporting=False, outdir=str(tmp_path))


def findings(app):
    """(rule, construct, description) of all that a synthesis of the app finds."""
    folder = Path(app.synth().directory)
    report = json.loads((folder / "validation-report.json").read_text())
    return [
        (violation["ruleName"], place["constructPath"], violation["description"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for place in violation["violatingConstructs"]
    ]


def test_no_template_breaks_a_rule_or_a_schema(validated_app, environments):
    for name in ("prod", "closed", "open"):  # demo and dev hold nothing that these do not
        target = cdk.Environment(account="111122223333", region=environments[name].region)
        compose(cdk.Stage(validated_app, name, env=target), environments[name])

    assert findings(validated_app) == []


def test_a_name_that_only_python_knows_is_found(validated_app):
    """The CDK's enumerations have values of their own in Python: not CloudFormation's."""
    eks.CfnNodegroup(
        cdk.Stack(validated_app, "Stack"),
        "Nodes",
        cluster_name="cluster",
        node_role="arn:aws:iam::111122223333:role/node",
        subnets=["subnet-0123456789abcdef0"],
        ami_type=eks.NodegroupAmiType.AL2023_X86_64_NEURON.value,
    )

    assert [(rule, path) for rule, path, _ in findings(validated_app)] == [("W3030", "Stack/Nodes")]
