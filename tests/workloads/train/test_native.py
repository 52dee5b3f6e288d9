import pytest
import torch

from workloads.llama import Llama, sized
from workloads.train import native as module
from workloads.train.native import Native, Place


@pytest.fixture
def native():
    made = Native(Place(), device="cpu", processors=1)
    yield made
    made.close()


def gradients(native: Native) -> dict[str, torch.Tensor]:
    model = Llama(sized("tiny", vocabulary=50, context=16))
    model.initialise(0)
    sharded = native.shard(model)
    tokens = torch.arange(32).reshape(2, 16)
    torch.nn.functional.cross_entropy(sharded(tokens).flatten(0, 1), tokens.flatten()).backward()
    return {name: p.grad.full_tensor() for name, p in sharded.named_parameters()}


def test_a_large_model_is_sharded_by_blocks_to_the_same_effect(native, monkeypatch):
    whole = gradients(native)
    monkeypatch.setattr(module, "WHOLE_PARAMETERS", 0)
    by_blocks = gradients(native)

    assert whole.keys() == by_blocks.keys()
    for name in whole:
        assert torch.allclose(whole[name], by_blocks[name], atol=1e-6)


def test_matrices_decay_and_norms_do_not(native):
    model = Llama(sized("micro", vocabulary=50, context=16))
    optimizer = native.optimizer(native.shard(model))

    decaying, constant = optimizer.param_groups
    assert {p.dim() for p in decaying["params"]} == {2}
    assert {p.dim() for p in constant["params"]} == {1}
    assert decaying["weight_decay"] > constant["weight_decay"] == 0
    assert all(isinstance(group["lr"], torch.Tensor) for group in optimizer.param_groups)


def test_a_long_gradient_is_cut_and_its_length_told(native):
    model = native.shard(Llama(sized("micro", vocabulary=50, context=16)))
    optimizer = native.optimizer(model)
    tokens = torch.arange(16)[None]
    (model(tokens).sum() * 1e3).backward()

    norm = native.update(model, optimizer, 1e-3)

    assert float(norm) > 100
    assert all(p.grad is None for p in model.parameters())
    assert all(float(group["lr"]) == pytest.approx(1e-3) for group in optimizer.param_groups)
