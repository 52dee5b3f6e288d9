"""Bring an exported model to where it answers: a pool of the cluster, SageMaker, or Bedrock.

python -m workloads.deploy upload   --model model --to s3://models/tiny-llama
python -m workloads.deploy pool     --model s3://models/tiny-llama --cache s3://… --pool inf2 …
python -m workloads.deploy endpoint --model exported --endpoint dev-tiny-llama
python -m workloads.deploy bedrock  --model model --to s3://models/tiny-llama --name tiny-llama …

Each checks the folder before anything is sent, and says --help.
"""

import sys
from collections.abc import Callable, Mapping, Sequence

from workloads.command import InputError, Parser, end, run
from workloads.deploy import commands

COMMANDS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "upload": commands.upload,
    "pool": commands.pool,
    "endpoint": commands.endpoint,
    "bedrock": commands.bedrock,
}


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        given = list(sys.argv[1:] if argv is None else argv)
        if not given or given[0] in ("-h", "--help"):
            Parser(prog="python -m workloads.deploy", description=__doc__).print_help()
            return
        command = COMMANDS.get(given[0])
        if command is None:
            raise InputError(f"{given[0]!r} is none of {', '.join(COMMANDS)}")
        command(given[1:])

    return run("deploy", work)


if __name__ == "__main__":
    end(main)
