"""Check environment files without the CDK: `python -m stacks [FOLDER]`.

Prints the environments' names, or what is wrong and exits with 2. `make synth` begins with it.
"""

import argparse
import sys
from pathlib import Path

from stacks.config import ENVIRONMENTS, ConfigError, load_environments


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m stacks", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ENVIRONMENTS)
    try:
        print(*load_environments(parser.parse_args(argv).folder))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
