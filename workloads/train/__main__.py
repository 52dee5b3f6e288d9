"""Train a language model on prepared tokens.

torchrun --nproc-per-node 2 -m workloads.train --data data --out run --model tiny --steps 300

Alone or under torchrun, on folders or s3://. The same command again continues a run that was
interrupted, with the loss it would have had. SIGTERM or Ctrl-C: save after the step, then end.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from workloads.command import InputError, Parser, count, run
from workloads.llama import SIZES
from workloads.train.loop import train
from workloads.train.native import Native, Place
from workloads.train.settings import Settings

ORPHAN_SECONDS = 0.1  # how long a worker may go on without its launcher
PATIENCE_SECONDS = 10.0  # for the first process to speak and the launcher to end the others


def parser() -> Parser:
    options = Parser(prog="python -m workloads.train", description=__doc__)
    add = options.add_argument
    add("--data", required=True, metavar="URI", help="what prepare wrote: a folder or s3://")
    add("--out", required=True, metavar="URI", help="the run: a folder or s3://")
    add("--model", choices=SIZES, default="tiny", help="its size (%(default)s)")
    add("--steps", type=count(1), default=300, metavar="N", help="(%(default)s)")
    add("--seed", type=int, default=0, help="of weights and data order (%(default)s)")
    add("--batch", type=count(1), default=8, metavar="N",
        help="sequences per step over all processes (%(default)s)")  # fmt: skip
    add("--learning-rate", type=float, default=6e-3, metavar="X", help="at its peak (%(default)s)")
    add("--warmup-steps", type=count(0), default=40, metavar="N", help="(%(default)s)")
    add("--checkpoint-every", type=count(1), default=100, metavar="N", help="steps (%(default)s)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="(%(default)s)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    place = Place(
        rank=int(os.environ.get("RANK", "0")),
        world_size=int(os.environ.get("WORLD_SIZE", "1")),
        local_rank=int(os.environ.get("LOCAL_RANK", "0")),
        local_world_size=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        launched="WORLD_SIZE" in os.environ,
    )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())  # the loop looks after every step

    def work() -> None:
        settings = Settings(**vars(parser().parse_args(argv)))
        if not settings.learning_rate > 0:
            raise InputError(f"--learning-rate {settings.learning_rate} is not above 0")
        native = Native(place, device=settings.device, processors=_processors())
        try:
            train(settings, native, stopping=stop.is_set)
        finally:
            native.close()

    def silent() -> bool:
        return place.rank > 0 and stop.wait(PATIENCE_SECONDS)

    return run("train", work, silent=silent)


def _processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_with_parent(parent: int) -> None:
    """A launcher killed outright leaves its workers behind; they must not write on into the run,
    which may already have been started again."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written. Python's own way out ends threads of PyTorch's that are still in C++,
    # which now and then aborts the process ("terminate called without an active exception").
    os._exit(code)
