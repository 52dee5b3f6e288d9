"""Why a deployment failed, as CloudFormation itself recorded it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from operations.embedded.emulator import Emulator


def first_failure(emulator: Emulator, *, since: datetime) -> str | None:
    """The first resource that failed after `since`, in a sentence; None when none did."""
    failures = sorted(_failures(emulator, since), key=lambda event: event["Timestamp"])
    for event in failures:
        resource = f"{event['LogicalResourceId']} ({event['ResourceType']})"
        reason = event.get("ResourceStatusReason", event["ResourceStatus"])
        return f"stack {event['StackName']} failed at {resource}: {reason}"
    return None


def _failures(emulator: Emulator, since: datetime) -> Iterator[dict[str, Any]]:
    cloudformation = emulator.client("cloudformation")
    for stack in cloudformation.list_stacks()["StackSummaries"]:
        pages = cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack["StackId"]):
            for event in page["StackEvents"]:
                if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"] >= since:
                    yield event
