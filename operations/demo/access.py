"""The roles that the deployed stacks give to what runs, and what IAM decided of their requests."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from operations.embedded.access import Credentials, Decision, assumed
from operations.embedded.emulator import Emulator
from operations.embedded.report import resources_of


def of_pods(emulator: Emulator, cluster_stack: str) -> Credentials:
    """What EKS hands to the pods of jobs and model servers."""
    [role] = [
        properties["RoleArn"]
        for properties in _every(emulator, cluster_stack, "AWS::EKS::PodIdentityAssociation")
        if properties["ServiceAccount"] == "workload"
    ]
    return assumed(emulator, role, service="pods.eks.amazonaws.com")


def of_gateway(emulator: Emulator, gateway_stack: str) -> Credentials:
    """What ECS hands to the gateway's tasks."""
    [task] = _every(emulator, gateway_stack, "AWS::ECS::TaskDefinition")
    return assumed(emulator, task["TaskRoleArn"], service="ecs-tasks.amazonaws.com")


def _every(emulator: Emulator, stack: str, kind: str) -> list[dict[str, Any]]:
    return [
        dict(resource.properties)
        for resource in resources_of(emulator, stack)
        if resource.type == kind
    ]


def summary(decisions: Iterable[Decision]) -> str:
    """One line; RuntimeError with the refusals if there were any."""
    decided = list(decisions)
    if refused := [str(decision) for decision in decided if not decision.allowed]:
        raise RuntimeError("; ".join(refused))
    requests = sum(decision.times for decision in decided)
    roles = len({decision.who for decision in decided})
    return f"{requests} requests of {roles} roles and users, none refused"


def table_of(decisions: Sequence[Decision]) -> Table:
    """A row for each role and user: how often it asked, and for what."""
    table = Table("role or user", title="What IAM decided")
    table.add_column("requests", justify="right")
    table.add_column("actions")
    for who, its in by_role(decisions).items():
        actions = ", ".join(sorted({decision.action for decision in its}))
        table.add_row(who, str(sum(decision.times for decision in its)), actions)
    return table


def by_role(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """The decisions by the name of whom they are about, sessions of a role together."""
    found: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        found[decision.who.rpartition(":")[2].split("/")[1]].append(decision)
    return dict(sorted(found.items()))
