"""What an environment with egress = "private" needs in its own registry before it is deployed.

python -m operations.mirror ENV             charts and images, and where they go
python -m operations.mirror ENV --script    the same as a script, for a machine with a way out
"""

import json
from dataclasses import asdict
from pathlib import Path

from operations.mirror.plan import Copy, plan
from operations.mirror.script import script
from stacks.config import ENVIRONMENTS, ConfigError, EnvironmentConfig, load_environments
from workloads.command import InputError, Parser, end, run


def main(arguments: list[str] | None = None) -> int:
    """0; 2 with a sentence where the environment is not one."""
    return run("operations.mirror", lambda: _print(arguments))


def _print(arguments: list[str] | None) -> None:
    parser = Parser(prog="python -m operations.mirror", description=__doc__)
    parser.add_argument("environment", metavar="ENV", help="an environment, such as prod")
    parser.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="FOLDER",
        help="its files' folder",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for a program")
    form.add_argument("--script", action="store_true", help="bash that makes the copies")
    options = parser.parse_args(arguments)
    environment = _environment(options.environment, options.environments)
    copies = plan(environment)
    registry = _registry(environment)
    if options.json:
        print(
            json.dumps([asdict(c) | {"target": f"{registry}/{c.target}"} for c in copies], indent=2)
        )
    elif not copies:
        print(
            f"{'# ' if options.script else ''}{options.environment} has a way out "
            f'(network.egress = "{environment.network.egress}"): nothing needs copying.'
        )
    elif options.script:
        print(script(options.environment, environment.region, environment.account, copies), end="")
    else:
        print(_table(copies, registry))


def _environment(name: str, folder: Path) -> EnvironmentConfig:
    try:
        environments = load_environments(folder)
    except ConfigError as error:
        raise InputError(str(error)) from error
    if name not in environments:
        raise InputError(
            f"{name!r} is not an environment of {folder}: {', '.join(environments)} are"
        )
    return environments[name]


def _registry(environment: EnvironmentConfig) -> str:
    account = environment.account or "<account>"
    return f"{account}.dkr.ecr.{environment.region}.amazonaws.com"


def _table(copies: list[Copy], registry: str) -> str:
    width = max(len(copy.target) for copy in copies)
    rows = [f"  {copy.kind}  {copy.target:{width}}  {copy.source}" for copy in copies]
    return "\n".join(
        [
            f"{len(copies)} copies into {registry}, before the environment is deployed:",
            *rows,
            "A machine with a way out makes them by the output of --script.",
        ]
    )


if __name__ == "__main__":
    end(main)
