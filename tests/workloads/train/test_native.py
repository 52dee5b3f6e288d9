import pytest
import torch

from workloads.command import InputError
from workloads.llama import Llama, sized
from workloads.train import native as module
from workloads.train.host import Place
from workloads.train.native import Native

RATE = torch.tensor(1e-3)


@pytest.fixture
def native():
    made = Native(Place(), device="cpu", processors=1)
    yield made
    made.close()


def llama(size: str = "micro") -> Llama:
    model = Llama(sized(size, vocabulary=50, context=16))
    model.initialise(0)
    return model


def loss_of(model: Llama) -> torch.Tensor:
    tokens = torch.arange(32).reshape(2, 16)
    return torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1).float(), tokens.flatten())


def gradients(native: Native, products: torch.dtype) -> dict[str, torch.Tensor]:
    model, _ = native.prepare(llama("tiny"), accumulate=False)
    native.backward(model, loss_of(model), last=True)
    assert isinstance(model, torch.distributed.fsdp.FSDPModule) == (products != torch.float32)
    return {name: module._local(p.grad) for name, p in model.named_parameters()}


def test_a_sharded_model_has_the_gradients_of_a_whole_one(native, monkeypatch):
    whole = gradients(native, torch.float32)
    for parameters in (0, 1 << 40):  # by blocks, and in one piece
        monkeypatch.setattr(module, "WHOLE_PARAMETERS", parameters)
        monkeypatch.setitem(module.PRODUCTS, "cpu", torch.float64)  # not float32: wrapped
        sharded = gradients(native, torch.float64)
        monkeypatch.undo()

        assert whole.keys() == sharded.keys()
        for name in whole:
            assert torch.allclose(whole[name], sharded[name], atol=1e-6)


def test_products_in_bfloat16_keep_weights_and_gradients_in_float32(monkeypatch):
    monkeypatch.setitem(module.PRODUCTS, "cpu", torch.bfloat16)  # as on an accelerator
    native = Native(Place(), device="cpu", processors=1)
    try:
        model, optimizer = native.prepare(llama(), accumulate=False)
        losses = []
        for _ in range(20):
            loss = loss_of(model)
            native.backward(model, loss, last=True)
            assert {p.grad.dtype for p in model.parameters()} == {torch.float32}
            native.update(model, optimizer, torch.tensor(1e-2), skip_bad=False)
            losses.append(float(loss.detach()))
    finally:
        native.close()

    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert losses[-1] < 0.8 * losses[0]


def test_matrices_decay_and_norms_do_not(native):
    _, optimizer = native.prepare(llama(), accumulate=False)

    decaying, constant = optimizer.param_groups
    assert {p.dim() for p in decaying["params"]} == {2}
    assert {p.dim() for p in constant["params"]} == {1}
    assert decaying["weight_decay"] > constant["weight_decay"] == 0
    assert all(isinstance(group["lr"], torch.Tensor) for group in optimizer.param_groups)


def test_a_long_gradient_is_cut_and_its_length_told(native):
    model, optimizer = native.prepare(llama(), accumulate=False)
    (loss_of(model) * 1e3).backward()

    norm = native.update(model, optimizer, RATE, skip_bad=False)

    assert float(norm) > 100
    assert all(p.grad is None for p in model.parameters())
    assert all(float(group["lr"]) == pytest.approx(1e-3) for group in optimizer.param_groups)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_gradient_moves_nothing_where_it_may_be_left_out(native, bad):
    model, optimizer = native.prepare(llama(), accumulate=False)
    native.backward(model, loss_of(model), last=True)
    native.update(model, optimizer, RATE, skip_bad=True)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    native.backward(model, loss_of(model) * bad, last=True)
    norm = native.update(model, optimizer, RATE, skip_bad=True)

    assert not torch.isfinite(norm)
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    native.backward(model, loss_of(model), last=True)
    assert torch.isfinite(native.update(model, optimizer, RATE, skip_bad=True))
    assert not any(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_micro_batches_add_up(native):
    tokens = torch.arange(32).reshape(2, 16)
    sums = []
    for parts in (1, 2):
        model, _ = native.prepare(llama(), accumulate=parts > 1)
        for part in tokens.chunk(parts):
            loss = torch.nn.functional.cross_entropy(model(part).flatten(0, 1), part.flatten())
            native.backward(model, loss / parts, last=True)
        sums.append({name: p.grad for name, p in model.named_parameters()})

    for name in sums[0]:
        assert torch.allclose(sums[0][name], sums[1][name], atol=1e-6)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="--device neuron: PyTorch sees none on this machine"):
        Native(Place(), device="neuron", processors=1)
