"""What a question is, and what it finds."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from operations.preflight.aws import Answer, Aws
from stacks.config import EnvironmentConfig

Severity = Literal["fails", "may fail", "note"]
SEVERITIES: tuple[Severity, ...] = ("fails", "may fail", "note")


@dataclass(frozen=True)
class Found:
    """What is wrong in the account, and the command that mends it (a sentence where none does).

    `why`: what comes of it, where that is not what the question says of all it finds.
    """

    severity: Severity
    what: str
    fix: str
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One environment and the account that it is to be deployed into, as one question sees them.

    `asks`: the operations that the question may call, such as "ec2:DescribeVpcs"; the policy is
    made of them, so a call of another one is an error of the program.
    """

    name: str
    config: EnvironmentConfig
    account: str
    now: datetime
    aws: Aws
    asks: frozenset[str]
    folder: Path | None = None  # of the environment's file; None: the shipped one

    @property
    def region(self) -> str:
        return self.config.region

    def ask(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> Answer:
        """AWS's answer; Denied, Refused or Silent where there is none."""
        if f"{service}:{operation}" not in self.asks:
            raise AssertionError(f"the question does not say that it asks {service}:{operation}")
        return self.aws.ask(service, operation, region=region, **parameters)

    @property
    def stacks(self) -> dict[str, Answer]:
        """The environment's stacks that exist, by their id: network, cluster, pool-trn1, …"""
        answer = self.ask("cloudformation", "DescribeStacks")
        start = f"{self.name}-"
        return {
            stack["StackName"].removeprefix(start): stack
            for stack in answer["Stacks"]
            if stack["StackName"].startswith(start)
        }

    def output(self, stack: str, key: str) -> str | None:
        """An output of an existing stack; None: there is none."""
        rows = self.stacks.get(stack, {}).get("Outputs", ())
        return next((str(r["OutputValue"]) for r in rows if r["OutputKey"] == key), None)

    def physical_id(self, stack: str, type: str) -> str | None:
        """What a resource of an existing stack is called in the account; None: there is none."""
        if stack not in self.stacks:
            return None
        answer = self.ask(
            "cloudformation", "DescribeStackResources", StackName=f"{self.name}-{stack}"
        )
        ids = (r.get("PhysicalResourceId") for r in answer["StackResources"] if is_of(r, type))
        return next(ids, None)

    def cdk(self, command: str, stack: str) -> str:
        """A command of the CDK's command line on one of the environment's stacks."""
        context = f" -c environments={self.folder}" if self.folder else ""
        return f"npx cdk {command} {self.name}/{stack}{context}"

    def command(self, text: str) -> str:
        """A command of the AWS command line in the environment's region."""
        return f"aws {text} --region {self.region}"


def is_of(resource: Answer, type: str) -> bool:
    return bool(resource["ResourceType"] == type)


Judge = Callable[[Case], Iterator[Found]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that AWS knows and a deployment depends on.

    `without`: what happens in the field when nobody asks. `when`: whether an environment depends
    on it at all.
    """

    id: str
    area: str
    title: str
    without: str
    asks: frozenset[str]
    sources: tuple[str, ...]
    when: Callable[[EnvironmentConfig], bool]
    judge: Judge


def always(config: EnvironmentConfig) -> bool:
    return True


def question(
    id: str,
    area: str,
    *,
    title: str,
    without: str,
    asks: Iterable[str],
    sources: Iterable[str],
    when: Callable[[EnvironmentConfig], bool] = always,
) -> Callable[[Judge], Question]:
    """Make a question of a function that says what it finds."""

    def made_of(judge: Judge) -> Question:
        return Question(
            id=id,
            area=area,
            title=title,
            without=without,
            asks=frozenset(asks),
            sources=tuple(sources),
            when=when,
            judge=judge,
        )

    return made_of


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c."""
    *first, last = list(names)
    return f"{', '.join(first)} and {last}" if first else last


def quoted(value: Any) -> str:
    """A value as an argument of a shell's command."""
    return f"'{json.dumps(value, separators=(',', ':'))}'"
