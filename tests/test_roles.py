"""Every role of every environment suffices for what its holder calls, and holds nothing else.

Asked is the evaluator of the embedded AWS, of the policies in the templates. What the demo runs
itself, pods and gateway, is also called for real (tests/operations/embedded/test_access.py).
"""

import re
from dataclasses import replace
from functools import cache

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from tests.role_calls import CALLS, Place

HASH = re.compile(r"[0-9A-F]{8}$")
ACCOUNT = "111122223333"
# Only what AWS manages, as its users need it: of nodes and the control plane as EKS requires, of
# the functions that the CDK makes as they write their logs.
MANAGED_ALONE = ("NodeRole", "SystemNodesRole", "ClusterRole", "CustomS3AutoDelete")
# (role, what of it) that no call needs, and why it stays.
IDLE = {
    ("ClusterKubectlProviderframeworkonEventServiceRole", "ClusterKubectlProviderHandler:*"): "the "
    "CDK grants every version of a function with the function"
}


def text(value, stack):
    """A resource as text: ARNs as they are, references as the construct they are of."""
    if isinstance(value, str):
        return value
    [(function, arguments)] = value.items()
    match function:
        case "Fn::Join":
            return "".join(text(part, stack) for part in arguments[1])
        case "Fn::GetStackOutput":
            return re.search(r"Fn(?:GetAtt|Ref)(\w+?)[0-9A-F]{8}", arguments["OutputName"])[1]
        case "Fn::Sub":
            return arguments.replace("${AWS::AccountId}", ACCOUNT)
        case "Fn::GetAtt":
            name = HASH.sub("", arguments[0])
            kind = stack.template["Resources"][arguments[0]]["Type"]
            return f"{name}:*" if kind == "AWS::Logs::LogGroup" else name
        case _:
            return HASH.sub("", arguments)


def spelt(value, stack):
    """A statement's values without references."""
    if isinstance(value, list):
        return [spelt(one, stack) for one in value]
    if isinstance(value, dict) and not any(key.startswith(("Fn::", "Ref")) for key in value):
        return {key: spelt(one, stack) for key, one in value.items()}
    return text(value, stack)


def roles(stacks):
    """(stack, its id, logical ID, statements of its own) of every role."""
    for name, stack in stacks.items():
        for logical_id, role in stack.every("AWS::IAM::Role").items():
            own = [policy["PolicyDocument"] for policy in role.get("Policies", [])] + [
                policy["PolicyDocument"]
                for policy in stack.every("AWS::IAM::Policy").values()
                if {"Ref": logical_id} in policy["Roles"]
            ]
            statements = [spelt(one, stack) for document in own for one in document["Statement"]]
            yield name, stack, logical_id, parse_policy_document({"Statement": statements})


def calls_of(name, logical_id):
    """Who calls with the role; None where it is not known."""
    for (stack, start), calls in CALLS.items():
        if name.partition("-")[0] == stack and HASH.sub("", logical_id) == start:
            return calls
    return None


@cache
def context(action, resource, about, region):
    return EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=region,
        service_context=dict(about),
    )


def refused(calls, statements, region):
    return [
        (action, resource, about)
        for action, resource, about in calls
        if evaluate(context(action, resource, tuple(about.items()), region), [statements]).decision
        != "Allow"
    ]


def less(statement):
    """(what is missing, the rest of the statement): each action and each resource in turn."""
    for action in statement.actions:
        rest = [one for one in statement.actions if one != action]
        yield action, [replace(statement, actions=rest)] if rest else []
    for resource in statement.resources:
        rest = [one for one in statement.resources if one != resource]
        yield resource, [replace(statement, resources=rest)] if rest else []


@pytest.fixture(params=["demo", "dev", "prod", "closed", "open"])
def held(request, stacks, environments):
    """(role, its statements, the calls of its holder, region) for each role of an environment."""
    found = []
    for name, stack, logical_id, statements in roles(stacks(request.param)):
        calls = calls_of(name, logical_id)
        if calls is None:
            assert not statements, f"say in tests/role_calls.py what {name}/{logical_id} calls"
            assert logical_id.startswith(MANAGED_ALONE), f"{name}/{logical_id} has nothing to do"
        else:
            place = Place(request.param, environments[request.param], stack)
            role = HASH.sub("", logical_id)
            found.append((role, statements, list(calls(place)), place.region))
    return found


def test_a_role_suffices(held):
    assert len(held) >= 8
    for role, statements, calls, region in held:
        assert refused(calls, statements, region) == [], role


def test_nothing_of_a_role_can_be_taken_away(held):
    """No statement, no action of one, no resource of one."""
    for role, statements, calls, region in held:
        for statement in statements:
            others = [one for one in statements if one is not statement]
            for what, rest in less(statement):
                lacking = refused(calls, [*others, *rest], region)
                assert lacking or (role, what) in IDLE, f"{role}: nobody needs {what}"


def test_a_condition_holds_something_back(held):
    for role, statements, calls, region in held:
        for statement in (one for one in statements if one.conditions):
            if (
                "aws:ResourceAccount" in str(statement.conditions)
                and len(statement.conditions) == 1
            ):
                continue  # IAM knows whose a resource is without being told
            bare = [(action, resource, {}) for action, resource, about in calls if about]
            assert refused(bare, [statement], region) == bare, role


def test_what_nobody_calls_would_be_found(held):
    _, statements, calls, region = held[0]
    wider = [replace(statements[0], actions=[*statements[0].actions, "logs:DeleteLogStream"])]

    idle = [what for what, rest in less(wider[0]) if not refused(calls, rest, region)]

    assert idle == ["logs:DeleteLogStream"]
