"""In an environment that has torch_xla: train, and after each step print how many graphs have been
compiled so far; what follows are the options of workloads.train."""

import sys

import torch_xla.debug.metrics as metrics

from workloads.train.__main__ import main
from workloads.train.loop import Loop

STEP = Loop.step


def counted(self: Loop, *rest: object) -> object:
    result = STEP(self, *rest)  # type: ignore[arg-type]
    compiled = metrics.counter_value("UncachedCompile") or 0
    print(f"compiled {compiled}", flush=True)
    return result


if __name__ == "__main__":
    Loop.step = counted  # type: ignore[method-assign, assignment]
    sys.exit(main(sys.argv[1:]))
