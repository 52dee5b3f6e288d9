"""What the training loop needs of the machine it runs on; native.py and xla.py each give it.

Nothing here asks the device for a number: what a step computes stays there until it is fetched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from workloads.llama import Llama
from workloads.train.host import Host

BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
GRADIENT_NORM = 1.0  # a longer gradient is scaled down to this

State = dict[str, Any]  # tensors by name, in groups by name: what a checkpoint holds


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The most that one device can do, and by whose word."""

    tflops: float
    what: str


class Backend(Protocol):
    """One process's device, and the model spread over all of them."""

    host: Host
    device: torch.device

    def prepare(self, model: Llama, *, accumulate: bool) -> tuple[Llama, Optimizer]:
        """The model on its device and its optimizer; with `accumulate`, `backward` is called
        several times before `update`."""

    def put(self, rows: Tensor) -> Tensor:
        """Token ids to the device, without waiting for them to arrive."""

    def backward(self, model: Llama, loss: Tensor, *, last: bool) -> None:
        """Gradients of one micro-batch, added to those there; `last`: `update` comes next."""

    def update(self, model: Llama, optimizer: Optimizer, rate: Tensor, *, skip_bad: bool) -> Tensor:
        """One step at the learning rate `rate`; the gradient's norm before clipping, a scalar on
        the device. With `skip_bad`, a gradient that is not finite counts as zero and the step moves
        no weight."""

    def fetch(self, values: Sequence[Tensor]) -> Callable[[], list[float]]:
        """Begin to bring scalars' means over all processes to the host; the call waits for them."""

    def state(self, model: Llama, optimizer: Optimizer) -> State:
        """Weights and moments in float32 under Hugging Face's names, for a checkpoint to copy."""

    def restore(self, model: Llama, optimizer: Optimizer, load: Callable[[State], None]) -> None:
        """Have `load` fill a state in place, and go on from it."""

    def peak(self) -> Peak | None:
        """None where nobody has said."""

    def close(self) -> None: ...


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """AdamW's: matrices decay, norms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
