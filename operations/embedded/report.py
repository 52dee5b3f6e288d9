"""What a deployment into the embedded AWS left: every resource of every stack, classified."""

import dataclasses
import json
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError
from rich.table import Table

from operations.embedded.emulator import Emulator
from operations.embedded.extension.handler import Place
from operations.embedded.verify import VERIFIERS
from operations.embedded.verify.verifier import Resource

Status = Literal["verified", "declared", "altered"]
STATUSES: tuple[Status, ...] = ("verified", "declared", "altered")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One resource. *verified*: its own service shows it with every property of the template;
    *declared*: accepted, with nothing behind it; *altered*: properties were lost."""

    stack: str
    logical_id: str
    type: str
    physical_id: str
    status: Status
    reason: str  # of declared and altered
    remark: str  # what is not there although the configuration is, such as a node


@dataclass(frozen=True, kw_only=True)
class StackSummary:
    """A stack's status and how many of its resources are what."""

    name: str
    status: str
    resources: int
    verified: int
    declared: int
    altered: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every stack of an environment, every resource of each, and their outputs by name."""

    stacks: tuple[StackSummary, ...]
    findings: tuple[Finding, ...]
    outputs: dict[str, str]

    @property
    def counts(self) -> dict[str, int]:
        return {status: _count(self.findings, status) for status in STATUSES}

    @property
    def caveats(self) -> dict[str, str]:
        """By type, what does not exist although its configuration is verified."""
        return {finding.type: finding.remark for finding in self.findings if finding.remark}

    @property
    def remarks(self) -> tuple[dict[str, str], ...]:
        """Each resource that is not verified, and why."""
        return tuple(
            dataclasses.asdict(finding) for finding in self.findings if finding.status != "verified"
        )

    def facts(self) -> dict[str, Any]:
        """Everything, and what follows from it, for JSON."""
        return dataclasses.asdict(self) | {
            "counts": self.counts,
            "remarks": self.remarks,
            "caveats": self.caveats,
        }

    def table(self) -> Table:
        """One row for each stack, and the sum."""
        table = Table("stack", "status", title="Deployed into the embedded AWS")
        for heading in ("resources", *STATUSES):
            table.add_column(heading, justify="right")
        for stack in self.stacks:
            numbers = (stack.resources, stack.verified, stack.declared, stack.altered)
            table.add_row(stack.name, stack.status, *map(str, numbers))
        table.add_section()
        table.add_row("", "", str(len(self.findings)), *map(str, self.counts.values()))
        return table


def inspect(emulator: Emulator, *, environment: str) -> Report:
    """Look at every stack of `environment`, whose stacks' names begin with it and a hyphen."""
    cloudformation = emulator.client("cloudformation")
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    stacks = sorted(
        (
            stack
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith(f"{environment}-")
        ),
        key=lambda stack: stack["CreationTime"],
    )
    found = {stack["StackName"]: _findings(emulator, stack["StackName"]) for stack in stacks}
    return Report(
        stacks=tuple(_summary(stack, found[stack["StackName"]]) for stack in stacks),
        findings=tuple(finding for findings in found.values() for finding in findings),
        outputs={
            output["OutputKey"]: output["OutputValue"]
            for stack in stacks
            for output in stack.get("Outputs", [])
        },
    )


def _findings(emulator: Emulator, stack: str) -> list[Finding]:
    place = Place(emulator.url, emulator.account, emulator.region)
    return [_classify(place, resource) for resource in resources_of(emulator, stack)]


def resources_of(emulator: Emulator, stack: str) -> list[Resource]:
    """The stack's resources with their properties as CloudFormation resolved them."""
    query = urllib.parse.urlencode(
        {"stack": stack, "account": emulator.account, "region": emulator.region}
    )
    with urllib.request.urlopen(f"{emulator.url}/_embedded/resources?{query}") as answer:
        records = json.load(answer)
    return [
        Resource(
            stack=stack,
            logical_id=record["LogicalResourceId"],
            type=record["ResourceType"],
            id=record["PhysicalResourceId"],
            properties=record["Properties"],
            dropped=tuple(record["Dropped"]),
        )
        for record in records
    ]


def _classify(place: Place, resource: Resource) -> Finding:
    verifier = VERIFIERS.get(resource.type)
    if verifier is None:
        return _finding(resource, "declared", "nothing here looks for resources of its type")
    try:
        lost = verifier.lost(place, resource)
    except ClientError as error:
        return _finding(resource, "declared", f"its own service refuses to show it: {error}")
    if lost is None:
        return _finding(resource, "declared", "its own service does not know it")
    if lost:
        return _finding(resource, "altered", f"lost: {', '.join(lost)}", verifier.remark)
    if reason := verifier.why_declared(place, resource):
        return _finding(resource, "declared", reason)
    return _finding(resource, "verified", "", verifier.remark)


def _finding(resource: Resource, status: Status, reason: str, remark: str = "") -> Finding:
    return Finding(
        stack=resource.stack,
        logical_id=resource.logical_id,
        type=resource.type,
        physical_id=resource.id,
        status=status,
        reason=reason,
        remark=remark,
    )


def _summary(stack: dict[str, Any], findings: list[Finding]) -> StackSummary:
    return StackSummary(
        name=stack["StackName"],
        status=stack["StackStatus"],
        resources=len(findings),
        verified=_count(findings, "verified"),
        declared=_count(findings, "declared"),
        altered=_count(findings, "altered"),
    )


def _count(findings: Iterable[Finding], status: Status) -> int:
    return sum(finding.status == status for finding in findings)
