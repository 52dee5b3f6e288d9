"""The embedded AWS in the foreground: python -m operations.embedded [--port N] [--folder DIR].

Prints the exports that point the CDK CLI, boto3 and the workloads at it. Ctrl-C stops it and
everything that it started.
"""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from operations.embedded.emulator import REPOSITORY, Emulator, EmulatorError, PortError
from operations.processes import ProcessError
from workloads.command import end

POLL_SECONDS = 0.5


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operations.embedded", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / ".embedded", help="log and files"
    )
    parser.add_argument("--region", default="us-east-2")
    parser.add_argument("--account", default="000000000000", help="twelve digits")
    args = parser.parse_args(argv)
    if not (args.account.isdecimal() and len(args.account) == 12):
        parser.error(f"the account {args.account!r} is not twelve digits")

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Emulator(
            folder=args.folder, region=args.region, account=args.account, port=args.port
        ) as emulator:
            print(*emulator.shell_exports(), "# Ctrl-C stops it", sep="\n", flush=True)
            while True:
                emulator.process.ensure_running()
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return 0
    except (EmulatorError, ProcessError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, PortError) else 1


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    end(main)
