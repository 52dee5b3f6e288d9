"""The one file that touches ministack's private names; every use of one is here.

ministack is pinned to one version. `missing` lists the hooks that another version lacks.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import bedrock, cloudformation, ec2, eks
from ministack.services.cloudformation import (
    changesets,
    engine,
    handlers,
    provisioners,
    stacks,
)

from operations.embedded.extension import ec2_answers
from operations.embedded.extension.handler import Call, Created, Handler, Place

_HOOKS = {
    iam_actions: ("extract_resource_arn",),
    iam_evaluator: ("enforce", "resolve_caller_identity"),
    responses: ("get_account_id", "get_region", "request_scope"),
    bedrock: ("_guardrail_versions",),
    eks: ("_nodegroups",),
    cloudformation: ("_stacks",),
    ec2: (
        "_ACTION_MAP",
        "_az_id_for_zone_name",
        "_lt_data_xml",
        "_nat_gateways",
        "_tags",
        "_vpce_fields_xml",
        "_zone_name_for_az_id",
    ),
    changesets: ("_create_stack_task_in_region", "_resolve_props_for_diff"),
    engine: ("_intrinsic_references",),
    handlers: ("_create_stack_task_in_region",),
    provisioners: ("_RESOURCE_HANDLERS", "_REPLACING_PROPERTIES", "_physical_name"),
    stacks: ("_runs_on_worker_thread", "_stack_region_context"),
}
_OURS: set[str] = set()
_DROPPED: dict[tuple[str, str], list[str]] = {}  # (type, physical id): property paths
_RUNNING: contextvars.ContextVar[list[asyncio.Task[None]] | None] = contextvars.ContextVar(
    "stack operations that the current request started", default=None
)


def missing() -> list[str]:
    """The private names that we use and this ministack does not have."""
    return [
        f"{module.__name__}.{name}"
        for module, names in _HOOKS.items()
        for name in names
        if not hasattr(module, name)
    ]


def register(handler: Handler, url: str) -> None:
    """Make CloudFormation use `handler` for its type."""

    def done(call: Call, created: Created) -> tuple[str, dict[str, Any]]:
        _DROPPED[handler.type, created.id] = call.dropped
        return created.id, dict(created.attributes)

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, Any]:
        call = _call(url, stack, logical_id)
        return done(call, handler.create(call, _settable(properties)))

    def update(
        id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> tuple[str, Any]:
        call = _call(url, stack, logical_id)
        return done(call, handler.update(call, id, _settable(old), _settable(new)))

    def delete(id: str, properties: dict[str, Any]) -> None:
        handler.delete(_call(url, "", ""), id, properties)
        _DROPPED.pop((handler.type, id), None)

    provisioners._RESOURCE_HANDLERS[handler.type] = {
        **provisioners._RESOURCE_HANDLERS.get(handler.type, {}),
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }
    provisioners._REPLACING_PROPERTIES[handler.type] = handler.create_only
    _OURS.add(handler.type)


def _settable(properties: dict[str, Any]) -> dict[str, Any]:
    """Without the tags that CloudFormation alone may set."""
    tags = properties.get("Tags")
    if not isinstance(tags, list):
        return properties
    kept = [tag for tag in tags if not tag["Key"].startswith("aws:")]
    return {name: value for name, value in properties.items() if name != "Tags"} | (
        {"Tags": kept} if kept else {}
    )


def _call(url: str, stack: str, logical_id: str) -> Call:
    place = Place(url, responses.get_account_id(), responses.get_region())
    return Call(
        place, lambda longest: provisioners._physical_name(stack, logical_id, max_len=longest)
    )


def run_ours_on_threads() -> None:
    """Keep our handlers off the event loop: they call back into this very server."""
    theirs = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda type: type in _OURS or theirs(type)


def note_stack_operations() -> None:
    """Let `stack_operations` know which operations a request starts."""

    def start(
        operation: Coroutine[Any, Any, None], stack: Any, stack_id: str | None = None
    ) -> None:
        with stacks._stack_region_context(stack, stack_id):
            task = asyncio.get_running_loop().create_task(operation)
        running = _RUNNING.get()
        if running is not None:
            running.append(task)

    for module in (changesets, handlers):
        module._create_stack_task_in_region = start


def notice_changed_references() -> None:
    """Let a change set see that a property refers to another resource than before.

    ministack compares references as resolved without any resource, where all look the same.
    """
    theirs = changesets._resolve_props_for_diff

    def resolve(template: dict[str, Any], *context: Any) -> dict[str, Any]:
        resolved: dict[str, Any] = theirs(template, *context)
        resources = (template or {}).get("Resources", {})
        for logical_id, resource in resources.items():
            for name, value in resource.get("Properties", {}).items():
                if any(target in resources for target, _ in engine._intrinsic_references(value)):
                    resolved["Resources"][logical_id]["Properties"][name] = value
        return resolved

    changesets._resolve_props_for_diff = resolve


@contextmanager
def stack_operations() -> Iterator[list[asyncio.Task[None]]]:
    """The creations, updates and deletions of stacks that start within."""
    running: list[asyncio.Task[None]] = []
    token = _RUNNING.set(running)
    try:
        yield running
    finally:
        _RUNNING.reset(token)


def stack_resources(name: str, account: str, region: str) -> list[dict[str, Any]]:
    """Every resource of a stack with its properties as resolved, and those an API dropped."""
    with responses.request_scope(account, region):
        stack = cloudformation._stacks.get(name) or {}
    return [
        {
            "LogicalResourceId": logical_id,
            "ResourceType": resource["ResourceType"],
            "PhysicalResourceId": resource["PhysicalResourceId"],
            "Properties": resource["Properties"],
            "Dropped": _DROPPED.get((resource["ResourceType"], resource["PhysicalResourceId"]), []),
        }
        for logical_id, resource in stack.get("_resources", {}).items()
    ]


def node_group(cluster: str, name: str) -> dict[str, Any]:
    """The record that EKS answers from."""
    record: dict[str, Any] = eks._nodegroups[f"{cluster}/{name}"]
    return record


def guardrail_version(guardrail: str, version: str) -> dict[str, Any]:
    """The record that Bedrock answers from."""
    record: dict[str, Any] = bedrock._guardrail_versions[f"{guardrail}/{version}"]
    return record


def delete_guardrail_version(guardrail: str, version: str, account: str, region: str) -> bool:
    """Forget one version of a guardrail; False when there is none."""
    with responses.request_scope(account, region):
        return bedrock._guardrail_versions.pop(f"{guardrail}/{version}", None) is not None


def know_every_zone() -> None:
    """Let EC2 know six zones of each region, not three, and refuse a zone of another."""

    def name_of(zone_id: str) -> str | None:
        region = responses.get_region()
        names = [f"{region}{letter}" for letter in "abcdef"]
        for name in names:
            if zone_id == ec2._az_id_for_zone_name(name):
                return name
        if zone_id:
            known = ", ".join(ec2._az_id_for_zone_name(name) for name in names)
            raise ValueError(f"{zone_id} is no zone of {region}; its zones are {known}")
        return None

    ec2._zone_name_for_az_id = name_of


def complete_ec2_answers() -> None:
    """Let EC2 answer with all that it keeps of launch templates, endpoints and NAT gateways."""
    ec2._lt_data_xml = ec2_answers.launch_template_data
    ec2._vpce_fields_xml = lambda endpoint, tag="item": (
        f"<{tag}>"
        f"{ec2_answers.vpc_endpoint(endpoint, ec2._tags.get(endpoint['VpcEndpointId']) or [])}"
        f"</{tag}>"
    )
    theirs = ec2._ACTION_MAP["DescribeNatGateways"]

    def describe_nat_gateways(parameters: Any) -> tuple[int, Any, bytes]:
        status, headers, body = theirs(parameters)
        answer = ec2_answers.with_nat_addresses(body.decode(), dict(ec2._nat_gateways.items()))
        return status, headers, answer.encode()

    ec2._ACTION_MAP["DescribeNatGateways"] = describe_nat_gateways


Repair = Callable[[Call, str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


def repair(type: str, repair: Repair, url: str) -> None:
    """After ministack's own create and update of a type, set what they lose.

    `repair` gets the physical id, the old and the new properties, and gives further GetAtts.
    """
    theirs = dict(provisioners._RESOURCE_HANDLERS[type])

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, Any]:
        id, attributes = theirs["create"](logical_id, properties, stack)
        call = _call(url, stack, logical_id)
        try:
            return id, {**attributes, **repair(call, id, {}, properties)}
        except Exception:
            theirs["delete"](id, properties)
            raise
        finally:
            _DROPPED.setdefault((type, id), []).extend(call.dropped)

    def update(
        id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str
    ) -> tuple[str, Any]:
        before = id
        _DROPPED.pop((type, id), None)
        if "update" not in theirs:
            id, attributes = theirs["create"](logical_id, new, stack)
        elif theirs.get("update_with_logical_id"):
            id, attributes = theirs["update"](id, old, new, stack, logical_id)
        else:
            id, attributes = theirs["update"](id, old, new, stack)
        call = _call(url, stack, logical_id)
        further = repair(call, id, old if id == before else {}, new)
        _DROPPED.setdefault((type, id), []).extend(call.dropped)
        return id, {**(attributes or {}), **further}

    provisioners._RESOURCE_HANDLERS[type] = theirs | {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
    }
    _OURS.add(type)
