"""Train a language model on prepared tokens.

torchrun --nproc-per-node 2 -m workloads.train --data data --out run --model tiny --steps 300

Alone or under torchrun, on folders or s3://. The same command again continues a run that was
interrupted, with the loss it would have had; so it does on another number of processes, up to
rounding. SIGTERM or Ctrl-C: save after the step if --grace allows it, then end with exit code 1.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence

from workloads.command import InputError, Parser, count, end, run
from workloads.llama import SIZES
from workloads.train.backend import Backend
from workloads.train.host import Place
from workloads.train.loop import train
from workloads.train.native import Native
from workloads.train.settings import Settings
from workloads.train.stop import Stop

DEVICES = ("cpu", "cuda", "neuron", "xla")
ORPHAN_SECONDS = 0.1  # how long a worker may go on without its launcher
PATIENCE_SECONDS = 10.0  # for the first process to speak and the launcher to end the others


def parser() -> Parser:
    options = Parser(prog="python -m workloads.train", description=__doc__)
    add = options.add_argument
    add("--data", required=True, metavar="URI", help="what prepare wrote: a folder or s3://")
    add("--out", required=True, metavar="URI", help="the run: a folder or s3://")
    add("--model", default="tiny", metavar="NAME|URI",
        help=f"fresh weights of a size ({', '.join(SIZES)}), or a Hugging Face folder of the Llama"
        " architecture to go on from (%(default)s)")  # fmt: skip
    add("--steps", type=count(1), default=300, metavar="N", help="(%(default)s)")
    add("--seed", type=int, default=0, help="of weights and data order (%(default)s)")
    add("--batch", type=count(1), default=8, metavar="N",
        help="sequences per step over all processes, of any number (%(default)s)")  # fmt: skip
    add("--micro-batch", type=count(0), default=0, metavar="N",
        help="sequences a process computes at once, for want of memory (its share)")  # fmt: skip
    add("--learning-rate", type=float, default=6e-3, metavar="X", help="at its peak (%(default)s)")
    add("--warmup-steps", type=count(0), default=40, metavar="N", help="(%(default)s)")
    add("--checkpoint-every", type=count(1), default=100, metavar="N", help="steps (%(default)s)")
    add("--keep", type=count(0), default=0, metavar="N", help="newest checkpoints (0: all)")
    add("--grace", type=float, default=25.0, metavar="SECONDS",
        help="from SIGTERM to the end; torchrun and Kubernetes give 30 (%(default)s)")  # fmt: skip
    add("--nan-skip", type=count(0), default=0, metavar="N",
        help="steps without a finite loss and gradient to leave out; the next ends the run"
        " (%(default)s)")  # fmt: skip
    add("--usd-per-hour", type=float, default=0.0, metavar="X",
        help="what all machines together cost, for tokens per dollar")  # fmt: skip
    add("--cloudwatch", default="", metavar="NAME",
        help="tell CloudWatch of steps and stalls once a minute, in the namespace Training/NAME;"
        " the name of the environment, whose alarm looks there")  # fmt: skip
    add("--device", choices=DEVICES, default="cpu",
        help="neuron: native PyTorch on Trn2; xla: PyTorch/XLA on Trn1 (%(default)s)")  # fmt: skip
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
    stop = Stop()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop.on_signal)  # the loop looks after every step

    def work() -> None:
        settings = Settings(**vars(parser().parse_args(argv)))
        stop.grace = settings.grace
        backend = _backend(settings.device, place)
        try:
            # neuron_parallel_compile sets it: Neuron documentation, pytorch-neuron-parallel-compile
            collecting = os.environ.get("NEURON_EXTRACT_GRAPHS_ONLY") == "1"
            train(settings, backend, stop, collecting=collecting)
        finally:
            backend.close()

    def silent() -> bool:
        return place.rank > 0 and stop.asked.wait(PATIENCE_SECONDS)

    return run("train", work, silent=silent)


def _backend(device: str, place: Place) -> Backend:
    if device != "xla":
        return Native(place, device=device, processors=_processors())
    try:
        from workloads.train.xla import Xla
    except ImportError as error:
        raise InputError(
            f"--device xla needs PyTorch/XLA ({error}); use the training image of Trn1 that"
            " workloads/versions.toml names"
        ) from None
    return Xla(place)


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
    code: object = 1
    try:
        end(main)
    except SystemExit as ended:
        code = ended.code
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    # Everything is written. Python's own way out ends threads of PyTorch's that are still in C++,
    # which now and then aborts the process ("terminate called without an active exception").
    os._exit(code if isinstance(code, int) else 0)
