"""What a pool's stack has for the hours in which nothing works."""

import ast
import json
from pathlib import Path

import pytest

from workloads import idle

EVERY_HOUR = "AWS::Events::Rule"


def asked(stack):
    """What the function is handed, with references cut out."""
    [target] = stack.only(EVERY_HOUR)["Targets"]
    parts = target["Input"]["Fn::Join"][1]
    return json.loads("".join(part if isinstance(part, str) else "…" for part in parts))


def actions(stack):
    """Action -> resource, of the function's role."""
    [policy] = [
        policy for name, policy in stack.every("AWS::IAM::Policy").items() if "Idle" in name
    ]
    return {
        action: statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }


@pytest.mark.parametrize(
    ("environment", "pool", "metric", "look", "sleep"),
    [
        ("dev", "trn1", "node_neuroncore_utilization", 6, 6),
        ("prod", "inf2", "node_neuroncore_utilization", 3, 0),
        ("open", "b300", "node_gpu_utilization", 3, 0),
        ("closed", "block", "node_neuroncore_utilization", 3, 0),
    ],
)
def test_every_hour_a_function_looks_at_the_pools_own_meter(
    stacks, environment, pool, metric, look, sleep
):
    stack = stacks(environment)[f"pool-{pool}"]

    assert stack.only(EVERY_HOUR)["ScheduleExpression"] == "rate(1 hour)"
    told = asked(stack)
    assert (told["pool"], told["metric"]) == (pool, metric)
    assert (told["look"], told["sleep"]) == (look, sleep)
    assert told["namespace"] == f"Pools/{environment}"


def test_a_pool_without_accelerators_has_none(stacks):
    assert not stacks("prod")["pool-epyc"].every("AWS::Lambda::Function")


def test_a_pool_that_did_not_ask_for_it_cannot_be_put_to_sleep(stacks):
    assert not any(action.startswith("eks:") for action in actions(stacks("prod")["pool-inf2"]))


def test_a_pool_that_did_can_be_and_no_other(stacks):
    allowed = actions(stacks("dev")["pool-trn1"])

    [group] = stacks("dev")["pool-trn1"].every("AWS::EKS::Nodegroup")
    for action in ("eks:DescribeNodegroup", "eks:UpdateNodegroupConfig"):
        assert allowed[action] == {"Fn::GetAtt": [group, "Arn"]}


def test_the_role_may_call_what_the_code_calls_and_nothing_else(stacks):
    """Operations of clients and paginators, read from the source; lines go to the log by Lambda."""
    tree = ast.parse(Path(idle.__file__).read_text("utf-8"))
    names = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    allowed = {
        "logs:CreateLogStream": None,
        "logs:PutLogEvents": None,
        "ec2:DescribeInstances": "describe_instances",
        "cloudwatch:GetMetricData": "get_metric_data",
        "eks:DescribeNodegroup": "describe_nodegroup",
        "eks:UpdateNodegroupConfig": "update_nodegroup_config",
    }
    assert actions(stacks("dev")["pool-trn1"]).keys() == allowed.keys()
    assert {name for name in allowed.values() if name} <= names


def test_the_function_is_the_tested_file_and_has_the_event_it_reads(stacks):
    stack = stacks("dev")["pool-trn1"]
    function = stack.only("AWS::Lambda::Function")
    source = Path(idle.__file__).read_text("utf-8")

    assert function["Code"]["ZipFile"] == source
    assert len(source.encode()) <= 4096, "CloudFormation takes no more in a template"
    assert function["Handler"] == f"index.{idle.handler.__name__}"
    read = {
        node.slice.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "event"
    }
    assert asked(stack).keys() == read
