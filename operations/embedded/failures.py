"""Why a deployment failed, as CloudFormation itself recorded it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3

from operations.embedded.emulator import Emulator


def client(emulator: Emulator, service: str) -> Any:
    """A boto3 client of one emulated service; the types of each service are not installed."""
    make: Any = boto3.session.Session().client
    environment = emulator.environment
    return make(
        service,
        endpoint_url=emulator.url,
        region_name=emulator.region,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def first_failure(emulator: Emulator, *, since: datetime) -> str | None:
    """The first resource that failed after `since`, in a sentence; None when none did."""
    failures = sorted(_failures(emulator, since), key=lambda event: event["Timestamp"])
    for event in failures:
        resource = f"{event['LogicalResourceId']} ({event['ResourceType']})"
        reason = event.get("ResourceStatusReason", event["ResourceStatus"])
        return f"stack {event['StackName']} failed at {resource}: {reason}"
    return None


def _failures(emulator: Emulator, since: datetime) -> Iterator[dict[str, Any]]:
    cloudformation = client(emulator, "cloudformation")
    for stack in cloudformation.list_stacks()["StackSummaries"]:
        pages = cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack["StackId"]):
            for event in page["StackEvents"]:
                if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"] >= since:
                    yield event
