"""One thread for all, and a stand-in for what workloads.train.xla uses of torch_xla."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor


@pytest.fixture(autouse=True)
def one_thread(monkeypatch) -> None:
    """Small models in this process: several threads would only wait for one another."""
    monkeypatch.setattr("workloads.train.__main__._processors", lambda: 1)


class StandIn(SimpleNamespace):
    """`calls`: what was called of torch_xla, in order. Its device is the CPU."""

    calls: list[str]
    optimizer_options: dict[str, Any]


@pytest.fixture
def torch_xla(monkeypatch) -> Iterator[StandIn]:
    calls: list[str] = []
    noted = StandIn(calls=calls, optimizer_options={})

    def all_reduce(kind: str, value: Tensor, *, scale: float = 1.0, pin_layout: bool) -> Tensor:
        calls.append(f"all_reduce {kind}")
        return value * scale

    class ZeroRedundancyOptimizer(torch.optim.Optimizer):
        """One process's rows are all of them; steps as the real one does, in the same order."""

        def __init__(self, params: Any, optimizer_class: Any, **options: Any) -> None:
            noted.optimizer_options = dict(options)
            own = ("optimizer_dtype", "max_norm", "pin_layout", "use_grad_acc_hook")
            own += ("save_master_weights", "higher_cc_precision")
            defaults = {name: options[name] for name in options if name not in own}
            super().__init__(params, defaults)
            groups = [
                group
                | {"params": [torch.nn.Parameter(p.detach().float()) for p in group["params"]]}
                for group in self.param_groups
            ]
            self.base_optimizer = optimizer_class(groups, **defaults)
            self.max_norm = options["max_norm"]

        def step(self) -> None:  # type: ignore[override]
            calls.append("optimizer.step")
            for wholes, parts in zip(
                self.param_groups, self.base_optimizer.param_groups, strict=True
            ):
                parts["lr"] = wholes["lr"]
                for whole, part in zip(wholes["params"], parts["params"], strict=True):
                    part.grad = whole.grad.float()
            shards = [p for group in self.base_optimizer.param_groups for p in group["params"]]
            self.grad_norm = torch.nn.utils.clip_grad_norm_(shards, self.max_norm)
            with torch.no_grad():
                self.base_optimizer.step()
                self.allgather_weights_and_update_full_parameter()

        def allgather_weights_and_update_full_parameter(self) -> None:
            for wholes, parts in zip(
                self.param_groups, self.base_optimizer.param_groups, strict=True
            ):
                for whole, part in zip(wholes["params"], parts["params"], strict=True):
                    assert whole.grad is not None  # the real one leaves those without as they are
                    whole.data.copy_(part.data)

    def module(name: str, **contents: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, name, made)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, made)
        return made

    module("torch_xla", device=lambda: torch.device("cpu"), sync=lambda: calls.append("sync"))
    module("torch_xla.core")
    module("torch_xla.core.xla_model", all_reduce=all_reduce, REDUCE_SUM="sum", REDUCE_MIN="min")
    module("torch_xla.runtime", device_type=lambda: "NEURON")
    module("torch_xla.distributed")
    module("torch_xla.distributed.xla_backend")
    module(
        "torch_xla.distributed.zero_redundancy_optimizer",
        ZeroRedundancyOptimizer=ZeroRedundancyOptimizer,
    )
    monkeypatch.delitem(sys.modules, "workloads.train.xla", raising=False)
    join = dist.init_process_group
    monkeypatch.setattr(dist, "init_process_group", lambda _, **rest: join("gloo", **rest))
    # capturable optimizers are refused on the CPU; the stand-in's device is one.
    monkeypatch.setattr(
        sys.modules[torch.optim.Adam.__module__],
        "_get_capturable_supported_devices",
        lambda *_, **__: ["cpu"],
    )
    yield noted
    sys.modules.pop("workloads.train.xla", None)
