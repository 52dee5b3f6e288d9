"""Measure a served model or a training run, and hold the figures against published ones.

python -m workloads.benchmark serve --url http://127.0.0.1:8000/v1 --model tiny --rates 1 2 4
python -m workloads.benchmark train --run run
python -m workloads.benchmark compare --measured benchmark/result.json
"""

import os
import sys
from collections.abc import Sequence

from workloads.benchmark import command_compare, command_serve, command_train
from workloads.command import Parser, end, run

COMMANDS = {"serve": command_serve, "train": command_train, "compare": command_compare}


def parser() -> Parser:
    options = Parser(prog="python -m workloads.benchmark", description=__doc__)
    commands = options.add_subparsers(dest="what", required=True, metavar="serve|train|compare")
    for name, module in COMMANDS.items():
        description = module.__doc__ or ""
        module.add_options(
            commands.add_parser(
                name, help=description.partition("\n")[0].rstrip("."), description=description
            )
        )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        options = parser().parse_args(argv)
        command = ["python", "-m", "workloads.benchmark", *(sys.argv[1:] if argv is None else argv)]
        COMMANDS[options.what].work(options, command, os.environ)

    return run("benchmark", work)


if __name__ == "__main__":
    end(main)
