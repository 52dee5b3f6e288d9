"""What an environment costs before it is deployed, from the dated prices of workloads/prices.json.

  python -m operations.cost dev                     idle and at full scale, and other ways to buy
  python -m operations.cost dev --picture dev.svg   as a picture, too (.svg or .png)
  python -m operations.cost dev --today 2027-03-28  with what the calendar of support says then
  python -m operations.cost prod job --pool trn1 --nodes 4 --steps 2000 --seconds-per-step 1.9
  python -m operations.cost prod tokens --model own --pool inf2 --tokens-per-second 1200

A price that is not known is said and never guessed: a sum without it is "at least". The same work
on Trainium, Inferentia, NVIDIA and CPUs: python -m workloads.benchmark compare.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from operations.cost import job, table
from operations.cost.estimate import estimate
from operations.cost.tokens import tokens
from operations.cost.usage import Assumptions
from stacks.config import ENVIRONMENTS, ConfigError, EnvironmentConfig, day, load_environments
from workloads.command import InputError, Parser, count, end, run
from workloads.prices import PRICES

_WIDTH = 150  # of a table that nobody's terminal cuts
_LEAST, _MOST = 1e-9, 1e18  # of a number that somebody means


def main(arguments: list[str] | None = None) -> int:
    """0; 2 if the environment, a price or an option cannot be used."""
    return run("python -m operations.cost", lambda: _work(arguments))


def _work(arguments: list[str] | None) -> None:
    options = _parser().parse_args(arguments)
    config = _environment(options)
    if options.command == "job":
        _print(options, *_job(options, config))
    elif options.command == "tokens":
        _print(options, *_tokens(options, config))
    else:
        _estimate(options, config)


def _environment(options: argparse.Namespace) -> EnvironmentConfig:
    try:
        environments = load_environments(options.environments)
        options.today = day(options.today)
    except ConfigError as error:
        raise InputError(str(error)) from None
    if options.environment not in environments:
        raise InputError(
            f"{options.environment} is no environment of {options.environments}; it has"
            f" {', '.join(environments)}"
        )
    config = environments[options.environment]
    priced = {region for regions in PRICES.on_demand.values() for region in regions}
    if config.region not in priced:
        raise InputError(
            f"prices.json has no instance's price in {config.region}; `python -m operations.prices"
            f" --region {config.region}` asks AWS for them"
        )
    return config


def _estimate(options: argparse.Namespace, config: EnvironmentConfig) -> None:
    month = Assumptions(
        gb_out=options.gb_out,
        gb_stored=options.gb_stored,
        gb_logs=options.gb_logs,
        requests=options.requests,
        observations=options.observations,
    )
    result = estimate(options.environment, config, day=options.today, month=month)
    if options.picture:
        from operations.cost import picture  # matplotlib: slow to load, and rarely wanted

        if options.picture.suffix not in picture.FORMATS:
            raise InputError(f"--picture {options.picture} must end in .png or .svg")
        try:
            picture.draw(result, options.picture)
        except OSError as error:
            raise InputError(f"--picture {options.picture}: {error.strerror}") from None
    _print(options, result.to_json(), table.estimate(result))


def _job(
    options: argparse.Namespace, config: EnvironmentConfig
) -> tuple[dict[str, Any], RenderableType]:
    pool = job.find_pool(config, options.pool)
    duration, how = job.seconds(
        steps=options.steps,
        seconds_per_step=options.seconds_per_step,
        tokens=options.tokens,
        tokens_per_second=options.tokens_per_second,
    )
    nodes = job.check_nodes(pool, options.nodes)
    result = job.job(pool, config.region, nodes=nodes, duration=duration, how=how)
    return result.to_json(), table.job(result)


def _tokens(
    options: argparse.Namespace, config: EnvironmentConfig
) -> tuple[dict[str, Any], RenderableType]:
    result = tokens(
        config,
        model=options.model,
        pool=options.pool,
        nodes=options.nodes,
        tokens_per_second=options.tokens_per_second,
        utilization=options.utilization,
        input_tokens=options.input_tokens,
        output_tokens=options.output_tokens,
    )
    return result.to_json(), table.tokens(result)


def _print(options: argparse.Namespace, data: dict[str, Any], shown: RenderableType) -> None:
    if options.json:
        print(json.dumps(data, indent=1))
    else:
        terminal = sys.stdout.isatty()
        console = Console(highlight=False, width=None if terminal else _WIDTH)
        with console.capture() as lines:
            console.print(shown, markup=False, crop=False)
        print(lines.get() if terminal else "\n".join(map(str.rstrip, lines.get().splitlines())))


def _parser() -> Parser:
    parser = Parser(prog="python -m operations.cost", description=__doc__)
    parser.add_argument("environment", metavar="ENV", help="the name of an environment file")
    _shared(parser, ENVIRONMENTS, False, None)
    add = parser.add_argument
    add("--picture", type=Path, metavar="FILE", help="draw it, too: a name in .svg or .png")
    month = parser.add_argument_group("a month's use, for what is paid by use")
    default = Assumptions()
    for flag, value, text in (
        ("--gb-out", default.gb_out, "GB that leave the VPC"),
        ("--gb-stored", default.gb_stored, "GB in the buckets"),
        ("--gb-logs", default.gb_logs, "GB that each stack logs"),
        ("--requests", default.requests, "requests to the gateway"),
        ("--observations", default.observations, "that a node's agent tells a minute"),
    ):
        help_text = f"{text} (%(default).0f)"
        month.add_argument(flag, type=_not_negative, default=value, metavar="N", help=help_text)
    commands = parser.add_subparsers(dest="command", metavar="[job | tokens]", parser_class=Parser)
    _job_parser(commands)
    _tokens_parser(commands)
    return parser


def _job_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "job", prog="python -m operations.cost ENV job", description=job.__doc__
    )
    _shared(parser, *[argparse.SUPPRESS] * 3)
    add = parser.add_argument
    add("--pool", required=True, metavar="P", help="a pool of the environment")
    add("--nodes", type=count(1), metavar="N", help="of the pool (default: all it may have)")
    add("--steps", type=count(1), metavar="N", help="of training")
    add("--seconds-per-step", type=_positive, metavar="S", help="as `metrics.jsonl` has it")
    add("--tokens", type=_positive, metavar="N", help="to train on, or to produce")
    add("--tokens-per-second", type=_positive, metavar="R", help="of all the nodes together")


def _tokens_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "tokens",
        prog="python -m operations.cost ENV tokens",
        description="What a million tokens of an own model cost, beside what Bedrock asks.",
    )
    _shared(parser, *[argparse.SUPPRESS] * 3)
    add = parser.add_argument
    add("--model", required=True, metavar="M", help="a model of [[gateway.models]]")
    add("--pool", metavar="P", help="whose nodes serve it, unless it is a SageMaker endpoint's")
    add("--nodes", type=count(1), metavar="N", help="that serve it (1)")
    add("--tokens-per-second", type=_positive, required=True, metavar="R",
        help="of answers, of all the nodes together, as the benchmark measures")  # fmt: skip
    add("--utilization", type=_share, default=1.0, metavar="U",
        help="the share of the time that it is busy, up to 1 (%(default)g)")  # fmt: skip
    add(
        "--input-tokens", type=count(0), default=1000, metavar="N", help="of a prompt (%(default)d)"
    )
    add(
        "--output-tokens",
        type=count(1),
        default=250,
        metavar="N",
        help="of an answer (%(default)s)",
    )


def _shared(parser: argparse.ArgumentParser, folder: Any, as_json: Any, on_day: Any) -> None:
    """Options that stand before or after the name of a command."""
    add = parser.add_argument
    add("--environments", type=Path, default=folder, metavar="FOLDER",
        help="of the environment files (stacks/environments)")  # fmt: skip
    add("--json", action="store_true", default=as_json, help="one JSON object")
    add("--today", default=on_day, metavar="DAY", help="such as 2027-03-28 (today)")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if value and not _LEAST <= abs(value) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text} is not from {_LEAST:g} to {_MOST:g}, nor 0")
    return value


def _not_negative(text: str) -> float:
    if (value := _number(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _positive(text: str) -> float:
    if (value := _number(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _share(text: str) -> float:
    if (value := _positive(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text} is above 1")
    return value


if __name__ == "__main__":
    end(main)
