"""torchrun for training, that tells a user's mistake from a failure.

python -m workloads.train.launch --nnodes=4 --nproc-per-node=32 … -m workloads.train --data …

torchrun itself ends with 1 whatever its workers end with, so that whoever starts it would try a
wrong option again and again. Here the options are looked at before it starts, and when the first
worker to fail ended with 2, so does this.
"""

import sys
from collections.abc import Sequence

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from workloads.command import InputError, run
from workloads.train.__main__ import parser
from workloads.train.settings import Settings

USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    return run("train", lambda: check(given)) or launch(given)


def check(given: list[str]) -> None:
    """InputError: training cannot begin with these options on so many processes."""
    asked = torchrun.parse_args(given)  # type: ignore[no-untyped-call]
    settings = Settings(**vars(parser().parse_args(asked.training_script_args)))
    if not (asked.nnodes.isdecimal() and asked.nproc_per_node.isdecimal()):
        raise InputError(
            f"--nnodes {asked.nnodes} and --nproc-per-node {asked.nproc_per_node} are not both "
            "whole numbers: a run's processes are counted before it begins"
        )
    settings.shares(int(asked.nnodes) * int(asked.nproc_per_node))


def launch(given: list[str]) -> int:
    """The exit code: 2 when a worker says that its user's wish is impossible."""
    try:
        torchrun.main(given)
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return USAGE if first.exitcode == USAGE else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
