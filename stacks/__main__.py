"""Check environment files without the CDK: `python -m stacks [FOLDER] [--today DATE]`.

Prints the environments' names, or what is wrong and exits with 2. Support that ends soon is told on
stderr. `make synth` begins with it.
"""

import argparse
import sys
from pathlib import Path

from stacks.config import ENVIRONMENTS, ConfigError, day, load_environments, warnings
from workloads.command import end


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m stacks", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ENVIRONMENTS)
    parser.add_argument(
        "--today",
        metavar="DATE",
        help="the day to ask the calendar of support for, such as 2027-03-27",
    )
    options = parser.parse_args(argv)
    try:
        today = day(options.today)
        environments = load_environments(options.folder, today=today)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    for warning in warnings(environments, today):
        print(f"warning: {warning}", file=sys.stderr)
    print(*environments)
    return 0


if __name__ == "__main__":
    end(main)
