"""Where an environment's models are imported from into Bedrock, and with which role.

The storage stack makes both and names them in its outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workloads.command import InputError

ROLE, PREFIX = "BedrockImportRole", "BedrockImports"  # outputs; a test holds them to the stack's
_INSTEAD = "give --role and --to"


@dataclass(frozen=True, kw_only=True)
class Imports:
    """A stack's role, an ARN, and the only s3:// prefix that it reads."""

    stack: str
    role: str
    prefix: str


def find(cloudformation: Any) -> list[Imports]:
    """Those of every stack in the account and region; `cloudformation` is its client."""
    found = []
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            told = {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}
            if told.keys() >= {ROLE, PREFIX}:
                name = stack["StackName"]
                prefix = told[PREFIX].rstrip("/")
                found.append(Imports(stack=name, role=told[ROLE], prefix=prefix))
    return found


def choose(found: Sequence[Imports], to: str | None) -> Imports:
    """The one that reads `to`, or the only one. InputError: there is none, or which is unclear."""
    if not found:
        raise InputError(f"no stack here has the output {ROLE}: deploy `storage`, or {_INSTEAD}")
    fitting = [one for one in found if to is None or f"{to}/".startswith(f"{one.prefix}/")]
    if len(fitting) == 1:
        return fitting[0]
    prefixes = ", ".join(one.prefix for one in found)
    if to is None:
        raise InputError(f"several environments import models: give --to below one of {prefixes}")
    raise InputError(
        f"--to {to} is below none of {prefixes}, which roles of stacks read; {_INSTEAD}"
    )
