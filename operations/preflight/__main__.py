"""Ask AWS, before anything is deployed, what will fail: read-only, in seconds.

  python -m operations.preflight dev             every finding, and the command that mends it
  python -m operations.preflight dev --json      the same for a program
  python -m operations.preflight --policy        the IAM policy that the caller needs

Asked is what decides whether the deployment and the first job succeed: quotas, capacity, models,
images, names that are taken, what earlier attempts left. Credentials come from the AWS SDK's
standard environment, the region from the environment's file. What the caller may not ask is said.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError
from rich.console import Console

from operations.preflight import report
from operations.preflight.asking import OnOutcome, Outcome, ask_all
from operations.preflight.aws import Aws, Denied, Refused, Silent, new_session
from operations.preflight.policy import policy
from operations.preflight.progress import progress
from operations.preflight.questions import QUESTIONS
from operations.preflight.registry import Case
from stacks.config import ENVIRONMENTS, ConfigError, EnvironmentConfig, load_environments
from workloads.command import InputError, end

# Of another account, or of a region that is off, nothing else is worth asking.
_FIRST = ("account", "region-enabled")
_FIRST_SECONDS, _SECONDS = 6.0, 22.0  # the command is to be through in half a minute
_WIDTH = 120  # characters, where no terminal says how wide it is


def main(arguments: list[str] | None = None) -> int:
    """0: nothing will fail. 1: something will. 2: wrong input, or no credentials."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.policy:
        print(json.dumps(policy(QUESTIONS.values()), indent=2))
        return 0
    if options.environment is None:
        parser.error("give an environment, such as dev")
    started = time.monotonic()
    try:
        config = _environment(options.environment, options.environments)
        aws, account = _credentials(config.region)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    case = Case(
        name=options.environment,
        config=config,
        account=account,
        now=datetime.now(UTC),
        aws=aws,
        asks=frozenset(),
        folder=None if options.environments == ENVIRONMENTS else options.environments,
    )
    questions = sum(question.when(config) for question in QUESTIONS.values())
    with progress(questions) as on_outcome:
        outcomes = _ask(case, on_outcome)
    if options.json:
        print(
            report.as_json(outcomes, environment=case.name, account=account, region=config.region)
        )
    else:
        console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
        report.show(outcomes, console)
        said = report.summary(
            outcomes, account=account, region=config.region, seconds=time.monotonic() - started
        )
        console.print(said, soft_wrap=True)
    return 1 if report.count(outcomes)["fails"] else 0


def _ask(case: Case, on_outcome: OnOutcome) -> Sequence[Outcome]:
    first = [QUESTIONS[id] for id in _FIRST]
    outcomes = ask_all(first, case, on_outcome, _FIRST_SECONDS)
    if report.count(outcomes)["fails"]:
        return outcomes
    rest = [question for question in QUESTIONS.values() if question not in first]
    return [*outcomes, *ask_all(rest, case, on_outcome, _SECONDS)]


def _environment(name: str, folder: Path) -> EnvironmentConfig:
    try:
        environments = load_environments(folder)
    except ConfigError as error:
        raise InputError(str(error)) from error
    if name not in environments:
        known = ", ".join(environments)
        raise InputError(f"{name!r} is not an environment of {folder}; there are {known}")
    return environments[name]


def _credentials(region: str) -> tuple[Aws, str]:
    """AWS, and the account that it knows the caller as. InputError: it does not know the caller."""
    how = "`aws sso login`, AWS_PROFILE or AWS_ACCESS_KEY_ID give it some"
    try:
        session = new_session()
        if session.get_credentials() is None:
            raise InputError(f"there are no AWS credentials; {how}")
        aws = Aws(session, region)
        return aws, str(aws.ask("sts", "GetCallerIdentity")["Account"])
    except (Denied, Refused) as error:
        raise InputError(f"AWS does not take these credentials ({error}); {how}") from error
    except (BotoCoreError, Silent) as error:
        raise InputError(f"AWS could not be asked who the caller is: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operations.preflight",
        description=__doc__,
        epilog="exit status: 0 nothing will fail, 1 something will, 2 wrong input",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", metavar="ENV", nargs="?", help="an environment, such as dev")
    parser.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="FOLDER",
        help="the folder of environment files (default: stacks/environments)",
    )
    parser.add_argument("--json", action="store_true", help="for a program")
    parser.add_argument("--policy", action="store_true", help="print the IAM policy and end")
    return parser


if __name__ == "__main__":
    end(main)
