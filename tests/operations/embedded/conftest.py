"""One emulated AWS for the session, and stacks in it that live as long as their test."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from operations.embedded.emulator import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(folder=tmp_path_factory.mktemp("aws"), region="us-east-2") as emulator:
        # The role that the tests' resources name (lifecycle.ROLE): to pass it, it must exist.
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        emulator.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)
        yield emulator


@dataclass
class Stack:
    """One CloudFormation stack, changed through change sets as the CDK CLI does it."""

    emulator: Emulator
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    exists: bool = False

    def deploy(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> None:
        """Create or update; the status tells how it ended."""
        template = {
            "Resources": resources,
            "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
        }
        change_set = {"StackName": self.name, "ChangeSetName": f"c{uuid.uuid4().hex[:8]}"}
        self.client("cloudformation").create_change_set(
            **change_set,
            TemplateBody=json.dumps(template),
            ChangeSetType="UPDATE" if self.exists else "CREATE",
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        self.client("cloudformation").execute_change_set(**change_set)
        self.exists = True

    def delete(self) -> None:
        self.client("cloudformation").delete_stack(StackName=self.name)
        self.exists = False

    @property
    def status(self) -> str:
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return stack["StackStatus"]

    @property
    def outputs(self) -> dict[str, str]:
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}

    @property
    def reasons(self) -> str:
        """What failed, for an assertion's message."""
        events = self.client("cloudformation").describe_stack_events(StackName=self.name)
        return "; ".join(
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events["StackEvents"]
            if event["ResourceStatus"].endswith("FAILED")
        )

    def id(self, logical_id: str) -> str:
        """A resource's physical id."""
        answer = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def client(self, service: str) -> Any:
        return self.emulator.client(service)


@pytest.fixture(scope="session")
def new_stack() -> Callable[[Emulator], Stack]:
    """A stack in an emulator of the test's own."""
    return Stack


@pytest.fixture
def stack(emulator: Emulator) -> Iterator[Stack]:
    stack = Stack(emulator)
    yield stack
    if stack.exists:
        stack.delete()


@pytest.fixture(scope="module")
def background(
    emulator: Emulator,
) -> Iterator[Callable[[dict[str, Any], dict[str, Any]], dict[str, str]]]:
    """Deploy resources that a module's tests share; their outputs."""
    made: list[Stack] = []

    def deploy(resources: dict[str, Any], outputs: dict[str, Any]) -> dict[str, str]:
        stack = Stack(emulator)
        made.append(stack)
        stack.deploy(resources, outputs)
        assert stack.status == "CREATE_COMPLETE", stack.reasons
        return stack.outputs

    yield deploy
    for stack in made:
        stack.delete()
