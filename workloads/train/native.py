"""PyTorch's own devices: the CPU, CUDA, and Neuron's native PyTorch on Trn2.

Sharding is FSDP2, over gloo, NCCL or Neuron's collectives. TorchNeuron registers the device
`neuron` and a process group of that name by itself once it is installed: Neuron SDK documentation,
torch/guides/torch-distributed.rst (SDK 2.33, beta). Only the CPU was run by this project.
"""

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer

from workloads.command import InputError
from workloads.hardware import CHIPS
from workloads.llama import Llama
from workloads.train.backend import (
    BETAS,
    GRADIENT_NORM,
    Peak,
    State,
    parameter_groups,
)
from workloads.train.flops import cpu_peak
from workloads.train.host import Host, Place

# Parameters are gathered block by block, to hold few at a time; a model of this size or smaller
# in one piece, because two gloo processes then do 1.3 times as many steps (tiny, 2 cores).
WHOLE_PARAMETERS = 10_000_000
GROUPS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl", "neuron": "cpu:gloo,neuron:neuron"}
# What is multiplied; weights, gradients' sums and moments are float32 everywhere.
PRODUCTS = {"cpu": torch.float32, "cuda": torch.bfloat16, "neuron": torch.bfloat16}


class Native:
    """One of PyTorch's devices per process, the model sharded over all."""

    def __init__(self, place: Place, *, device: str, processors: int) -> None:
        if device != "cpu" and not (
            hasattr(torch, device) and torch.get_device_module(device).is_available()
        ):
            raise InputError(f"--device {device}: PyTorch sees none on this machine; try cpu")
        if device == "cpu":
            self.device = torch.device("cpu")
        else:
            self.device = torch.device(device, place.local_rank)
            torch.get_device_module(device).set_device(place.local_rank)
        torch.set_num_threads(max(1, processors // place.local_world_size))
        self.host = Host(place, GROUPS[device])
        self._mesh = init_device_mesh(device, (place.world_size,))
        self._policy = MixedPrecisionPolicy(
            param_dtype=PRODUCTS[device], reduce_dtype=torch.float32
        )

    def close(self) -> None:
        self.host.close()

    def prepare(self, model: Llama, *, accumulate: bool) -> tuple[Llama, Optimizer]:
        model.to(self.device)
        # One process on float32 has nothing to gather or convert; wrapping would only cost time.
        if self.host.place.world_size > 1 or PRODUCTS[self.device.type] != torch.float32:
            if sum(parameter.numel() for parameter in model.parameters()) > WHOLE_PARAMETERS:
                for block in model.model.layers:
                    fully_shard(block, mesh=self._mesh, mp_policy=self._policy)
            fully_shard(model, mesh=self._mesh, mp_policy=self._policy)
        # The rate is a tensor, so that it is no constant of a compiled graph.
        rate = torch.zeros((), device=self.device)
        groups = parameter_groups(model)
        return model, AdamW(groups, lr=rate, betas=BETAS, fused=True)

    def put(self, rows: Tensor) -> Tensor:
        if self.device.type == "cuda":
            rows = rows.pin_memory()  # else the copy would wait for the device
        return rows.to(self.device, non_blocking=True)

    def backward(self, model: Llama, loss: Tensor, *, last: bool) -> None:
        if isinstance(model, FSDPModule):
            model.set_requires_gradient_sync(last)
        loss.backward()  # type: ignore[no-untyped-call]

    def update(self, model: Llama, optimizer: Optimizer, rate: Tensor, *, skip_bad: bool) -> Tensor:
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        if skip_bad:
            finite = torch.isfinite(norm)
            rate = torch.where(finite, rate, 0.0)
            for parameter in model.parameters():
                if parameter.grad is not None:
                    _local(parameter.grad).masked_fill_(~finite, 0.0)
        for group in optimizer.param_groups:
            group["lr"].copy_(rate)
        optimizer.step()
        optimizer.zero_grad()
        return norm

    def fetch(self, values: Sequence[Tensor]) -> Callable[[], list[float]]:
        means = torch.stack(list(values)) / self.host.place.world_size
        work = dist.all_reduce(means, async_op=True)
        if self.device.type == "cpu":
            return lambda: _numbers(means, work.wait)
        work.wait()  # in the device's stream; the host goes on
        pinned = torch.empty(means.shape, pin_memory=self.device.type == "cuda")
        pinned.copy_(means, non_blocking=True)
        arrived = torch.Event(self.device.type)
        arrived.record()
        return lambda: _numbers(pinned, arrived.synchronize)

    def state(self, model: Llama, optimizer: Optimizer) -> State:
        named = dict(model.named_parameters())
        moments = optimizer.state
        first = next(iter(named.values()))
        return {
            "model": {name: p.detach() for name, p in named.items()},
            "first_moment": {name: moments[p]["exp_avg"] for name, p in named.items()},
            "second_moment": {name: moments[p]["exp_avg_sq"] for name, p in named.items()},
            "updates": moments[first]["step"].detach(),
        }

    def restore(self, model: Llama, optimizer: Optimizer, load: Callable[[State], None]) -> None:
        for parameter in model.parameters():
            optimizer.state[parameter] = {
                "step": torch.zeros((), device=self.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        state = self.state(model, optimizer)
        load(state)
        for moments in optimizer.state.values():
            moments["step"].copy_(state["updates"])

    def peak(self) -> Peak | None:
        if self.device.type == "cpu":
            return cpu_peak()
        if self.device.type == "neuron":  # a device is a logical core of two physical ones
            chip = CHIPS["Trainium2"]
            cores = chip.cores // (chip.lnc or 1)
            return Peak(tflops=chip.bf16_tflops / cores, what=f"bf16, a {cores}th of a {chip.name}")
        device = torch.cuda.get_device_name()
        chips = [chip for chip in CHIPS.values() if chip.name in device.split()]
        return Peak(tflops=chips[0].bf16_tflops, what=f"bf16, {device}") if chips else None


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _numbers(values: Tensor, wait: Callable[[], object]) -> list[float]:
    wait()
    numbers: list[float] = values.tolist()
    return numbers
