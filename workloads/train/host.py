"""The processes of a run and what they tell one another, from host to host over gloo.

The device has no part in it, so that asking costs no wait for what is being computed.
"""

from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Thing = TypeVar("Thing")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which process of the run this is, as the launcher tells it."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    launched: bool = False  # by torchrun, which also gives a rendezvous


class Host:
    """Every process of the run, seen from one. What is asked here, all must ask, in one order."""

    def __init__(self, place: Place, backend: str) -> None:
        """Join the others; `backend` is torch.distributed's for the device."""
        self.place = place
        if place.launched:
            dist.init_process_group(backend)
        else:
            alone = dist.HashStore()  # type: ignore[attr-defined]  # missing from __all__ only
            dist.init_process_group(backend, store=alone, rank=0, world_size=1)
        self.group = dist.new_group(backend="gloo")
        self.savers = dist.new_group(backend="gloo")  # of the threads that write checkpoints

    def close(self) -> None:
        dist.destroy_process_group()

    def any_soon(self, flag: bool) -> "AnyProcess":
        """Begin to ask every process."""
        votes = torch.tensor(int(flag))
        work = dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self.group, async_op=True)
        return AnyProcess(votes, work)

    def gather(self, thing: Thing) -> list[Thing]:
        """Everybody's thing, by rank."""
        return gather(thing, self.place, self.group)

    def from_first(self, thing: Thing) -> Thing:
        """Rank 0's thing."""
        things = [thing]
        dist.broadcast_object_list(things, src=0, group=self.group)
        return things[0]

    def barrier(self) -> None:
        dist.barrier(self.group)


@dataclass(frozen=True)
class AnyProcess:
    """An answer under way: whether any process raised its flag."""

    votes: Tensor
    work: dist.Work

    def wait(self) -> bool:
        self.work.wait()
        return bool(self.votes.item())  # on the host


def gather(thing: Thing, place: Place, group: dist.ProcessGroup) -> list[Thing]:
    """Everybody's thing in a group of all, by rank."""
    things: list[Thing] = [thing] * place.world_size
    dist.all_gather_object(things, thing, group=group)
    return things
