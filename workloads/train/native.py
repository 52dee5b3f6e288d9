"""Devices, processes and their state: the one file of training that knows what it runs on.

CPU with gloo, or CUDA with NCCL: PyTorch's own sharding (FSDP2) and distributed checkpoints.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from workloads.command import StageError
from workloads.llama import Llama

Thing = TypeVar("Thing")

BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
GRADIENT_NORM = 1.0  # a longer gradient is scaled down to this
# Parameters are gathered block by block, to hold few at a time; a model of this size or smaller
# in one piece, because two gloo processes then do 1.3 times as many steps (tiny, 2 cores).
WHOLE_PARAMETERS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which process of the run this is, as the launcher tells it."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    launched: bool = False  # by torchrun, which also gives a rendezvous


class Native:
    """The processes of a run and the model sharded over them."""

    def __init__(self, place: Place, *, device: str, processors: int) -> None:
        self.place = place
        self.device = torch.device(device)
        if device == "cuda":
            torch.cuda.set_device(place.local_rank)
        torch.set_num_threads(max(1, processors // place.local_world_size))
        backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
        if place.launched:
            dist.init_process_group(backend)
        else:
            alone = dist.HashStore()  # type: ignore[attr-defined]  # missing from __all__ only
            dist.init_process_group(backend, store=alone, rank=0, world_size=1)
        self._mesh = init_device_mesh(device, (place.world_size,))

    def close(self) -> None:
        dist.destroy_process_group()

    def shard(self, model: Llama) -> Llama:
        """The model on its device, each process keeping its part of every parameter."""
        model.to(self.device)
        if sum(parameter.numel() for parameter in model.parameters()) > WHOLE_PARAMETERS:
            for block in model.model.layers:
                fully_shard(block, mesh=self._mesh)
        fully_shard(model, mesh=self._mesh)
        return model

    def optimizer(self, model: Llama) -> torch.optim.AdamW:
        """AdamW that decays matrices only; the rate is a tensor, so that it is no constant of a
        compiled graph."""
        parameters = list(model.parameters())
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        rate = torch.zeros((), device=self.device)
        return torch.optim.AdamW(groups, lr=rate, betas=BETAS, fused=True)

    def update(self, model: Llama, optimizer: torch.optim.AdamW, rate: float) -> Tensor:
        """One optimizer step at `rate`; gives the gradient's norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        for group in optimizer.param_groups:
            group["lr"].copy_(torch.tensor(rate))
        optimizer.step()
        optimizer.zero_grad()
        return norm.full_tensor()  # type: ignore[attr-defined, no-any-return]  # a DTensor

    def mean(self, values: Tensor) -> Tensor:
        """Element by element over all processes."""
        dist.all_reduce(values)
        return values / self.place.world_size

    def any_soon(self, flag: bool) -> "AnyProcess":
        """Begin to ask every process; a collective."""
        votes = torch.tensor(int(flag))
        return AnyProcess(votes, dist.all_reduce(votes, op=dist.ReduceOp.MAX, async_op=True))

    def gather(self, thing: Thing) -> list[Thing]:
        """Everybody's thing, by rank."""
        things: list[Thing] = [thing] * self.place.world_size
        dist.all_gather_object(things, thing)
        return things

    def from_first(self, thing: Thing) -> Thing:
        """Rank 0's thing."""
        things = [thing]
        dist.broadcast_object_list(things, src=0)
        return things[0]

    def barrier(self) -> None:
        dist.barrier()

    def save(self, model: Llama, optimizer: torch.optim.AdamW, path: Path) -> None:
        """Each process writes its part below `path`, a new folder."""
        weights, state = get_state_dict(model, optimizer)
        try:
            save({"model": weights, "optimizer": state}, checkpoint_id=path)
        except CheckpointException as error:
            raise StageError(f"{path}: {_first(error)}") from None

    def load(self, model: Llama, optimizer: torch.optim.AdamW, path: Path) -> None:
        """Read back what `save` wrote, by any number of processes."""
        weights, state = get_state_dict(model, optimizer)
        load({"model": weights, "optimizer": state}, checkpoint_id=path)
        set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=state)


@dataclass(frozen=True)
class AnyProcess:
    """An answer under way: whether any process raised its flag."""

    votes: Tensor
    work: dist.Work

    def wait(self) -> bool:
        self.work.wait()
        return bool(self.votes.item())


def _first(error: CheckpointException) -> str:
    """The first process's reason, in one line."""
    rank, (reason, _) = next(iter(error.failures.items()))
    return f"process {rank} could not write: {' '.join(str(reason).split())}"
