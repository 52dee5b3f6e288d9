"""Trn1: PyTorch/XLA with ZeRO-1, one process per NeuronCore.

The stack is frozen at SDK 2.28 (workloads/versions.toml): torch 2.9, torch-neuronx 2.9. Not run on
hardware by this project; on a CPU with torch-xla 2.9 in one process, and against a stand-in of
torch_xla in the tests. Weights and products are bfloat16, the optimizer's shard of them float32, as
in Neuron's own ZeRO-1 examples. What is lazy here is made definite once a step, by one
`torch_xla.sync()`, so that every step is one graph and the same one.

Shards are rows of each parameter, split as torch.chunk splits: as FSDP2's are. Checkpoints are
therefore the same as native.py's, and either continues the other's.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch_xla
import torch_xla.core.xla_model as xm
import torch_xla.distributed.xla_backend  # registers the process group "xla"
import torch_xla.runtime as xr
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard
from torch.optim import AdamW, Optimizer
from torch_xla.distributed.zero_redundancy_optimizer import ZeroRedundancyOptimizer

from workloads.hardware import CHIPS
from workloads.llama import Llama
from workloads.train.backend import BETAS, GRADIENT_NORM, Peak, State, parameter_groups
from workloads.train.host import Host, Place
from workloads.train.recorder import WINDOW_STEPS

FETCHED = 2 * WINDOW_STEPS  # values at once, at most
ALMOST_NO_RATE = 1e-30  # changes no float32 weight; AdamW on the device divides by the rate
WEIGHTS, FIRST, SECOND = "model", "first_moment", "second_moment"


class Xla:
    """A NeuronCore (or whatever PJRT finds) per process."""

    def __init__(self, place: Place) -> None:
        self.host = Host(place, "xla")
        self.device = torch_xla.device()
        self._mesh = DeviceMesh.from_group(self.host.group, "cpu")  # of checkpoints
        self._accumulate = False
        # Few values are fetched by the graph of many: scalars to fill up with, no two the same.
        self._nothing = [torch.zeros(()).to(self.device) for _ in range(FETCHED)]

    def close(self) -> None:
        self.host.close()

    def prepare(self, model: Llama, *, accumulate: bool) -> tuple[Llama, Optimizer]:
        self._accumulate = accumulate
        whole = {name: p.detach().clone() for name, p in model.named_parameters()}
        model.to(device=self.device, dtype=torch.bfloat16)
        optimizer = ZeroRedundancyOptimizer(
            parameter_groups(model),
            AdamW,
            optimizer_dtype=torch.float32,
            max_norm=GRADIENT_NORM,
            pin_layout=False,
            use_grad_acc_hook=accumulate,  # sums of micro-batches in float32
            save_master_weights=True,
            higher_cc_precision=True,
            lr=torch.zeros((), device=self.device),
            betas=BETAS,
            capturable=True,  # its count of steps stays on the device
            foreach=False,
        )
        # Also before the first step, whose graph would else be another one.
        for name, shard in _shards(model, optimizer).items():
            rows = self._rows(whole[name])
            shard.data = rows.to(self.device)
            optimizer.base_optimizer.state[shard] = {
                "step": torch.zeros(()).to(self.device),
                "exp_avg": torch.zeros_like(rows).to(self.device),
                "exp_avg_sq": torch.zeros_like(rows).to(self.device),
            }
        if accumulate:
            for parameter, shard in _pairs(optimizer):
                shard.main_grad = torch.zeros(parameter.shape).to(self.device)
                parameter.main_grad = shard.main_grad
        torch_xla.sync()
        return model, optimizer

    def put(self, rows: Tensor) -> Tensor:
        return rows.to(self.device)

    def backward(self, model: Llama, loss: Tensor, *, last: bool) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        if not last:
            torch_xla.sync()  # else the graph would hold every micro-batch

    def update(self, model: Llama, optimizer: Optimizer, rate: Tensor, *, skip_bad: bool) -> Tensor:
        finite = None
        if skip_bad:
            finite = self._all_finite(model)
            rate = torch.where(finite, rate, ALMOST_NO_RATE)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        norm: Tensor = optimizer.grad_norm  # type: ignore[attr-defined]
        if finite is not None:
            norm = torch.where(finite, norm, torch.nan)
        optimizer.zero_grad(set_to_none=True)
        torch_xla.sync()
        return norm

    def fetch(self, values: Sequence[Tensor]) -> Callable[[], list[float]]:
        stacked = torch.stack([*values, *self._nothing[len(values) :]])
        world = self.host.place.world_size
        mean = xm.all_reduce(xm.REDUCE_SUM, stacked, scale=1 / world, pin_layout=False)
        torch_xla.sync()  # a small graph of its own, not a part of some steps' graphs

        def wait() -> list[float]:
            numbers: list[float] = mean.cpu().tolist()
            return numbers[: len(values)]

        return wait

    def state(self, model: Llama, optimizer: Optimizer) -> State:
        state: State = {WEIGHTS: {}, FIRST: {}, SECOND: {}}
        moments = optimizer.base_optimizer.state  # type: ignore[attr-defined]
        shapes = {name: p.shape for name, p in model.named_parameters()}
        for name, shard in _shards(model, optimizer).items():
            state[WEIGHTS][name] = self._whole(shard.data, shapes[name])
            state[FIRST][name] = self._whole(moments[shard]["exp_avg"], shapes[name])
            state[SECOND][name] = self._whole(moments[shard]["exp_avg_sq"], shapes[name])
            state["updates"] = moments[shard]["step"].cpu()
        return state

    def restore(self, model: Llama, optimizer: Optimizer, load: Callable[[State], None]) -> None:
        state = self.state(model, optimizer)
        load(state)
        for name, shard in _shards(model, optimizer).items():
            shard.data = self._padded(state[WEIGHTS][name]).to(self.device)
            optimizer.base_optimizer.state[shard] = {  # type: ignore[attr-defined]
                "step": state["updates"].to(self.device),
                "exp_avg": self._padded(state[FIRST][name]).to(self.device),
                "exp_avg_sq": self._padded(state[SECOND][name]).to(self.device),
            }
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)  # those without are not gathered
        torch_xla.sync()
        optimizer.allgather_weights_and_update_full_parameter()  # type: ignore[attr-defined]
        optimizer.zero_grad(set_to_none=True)
        torch_xla.sync()

    def peak(self) -> Peak | None:
        if xr.device_type() != "NEURON":
            return None
        chip = CHIPS["Trainium"]
        return Peak(
            tflops=chip.bf16_tflops / chip.cores, what=f"bf16, one of {chip.cores} of {chip.name}"
        )

    def _all_finite(self, model: Llama) -> Tensor:
        """Whether every process's gradient is; where one is not, all count as zero."""
        name = "main_grad" if self._accumulate else "grad"
        gradients = [getattr(parameter, name) for parameter in model.parameters()]
        total = torch.stack([gradient.float().square().sum() for gradient in gradients]).sum()
        mine = torch.isfinite(total).float()
        finite: Tensor = xm.all_reduce(xm.REDUCE_MIN, mine, pin_layout=False) > 0
        for gradient in gradients:
            gradient.masked_fill_(~finite, 0.0)
        return finite

    def _rows(self, whole: Tensor) -> Tensor:
        """This process's of a whole parameter, padded so that all have as many."""
        place = self.host.place
        count = -(-whole.shape[0] // place.world_size)
        rows = whole[place.rank * count : (place.rank + 1) * count]
        return _pad(rows, count)

    def _whole(self, padded: Tensor, shape: torch.Size) -> DTensor:
        """What a checkpoint writes: this process's rows, on the host, as part of a whole."""
        place = self.host.place
        count = padded.shape[0]
        mine = max(0, min(count, shape[0] - place.rank * count))
        return DTensor.from_local(
            padded.cpu()[:mine],
            self._mesh,
            [Shard(0)],
            run_check=False,
            shape=shape,
            stride=torch.empty(shape, device="meta").stride(),
        )

    def _padded(self, whole: DTensor) -> Tensor:
        return _pad(whole.to_local(), -(-whole.shape[0] // self.host.place.world_size))


def _shards(model: Llama, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's rows of each parameter, by the parameter's name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[parameter]: shard for parameter, shard in _pairs(optimizer)}


def _pairs(optimizer: Optimizer) -> Iterator[tuple[Any, Any]]:
    """Every parameter with the optimizer's rows of it."""
    base = optimizer.base_optimizer  # type: ignore[attr-defined]
    for wholes, parts in zip(optimizer.param_groups, base.param_groups, strict=True):
        yield from zip(wholes["params"], parts["params"], strict=True)


def _pad(rows: Tensor, count: int) -> Tensor:
    return torch.cat((rows, rows.new_zeros(count - rows.shape[0], *rows.shape[1:])))
