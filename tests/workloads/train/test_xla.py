"""The XLA backend against a stand-in of torch_xla: what it asks of it, and in which order."""

import shutil

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from workloads.llama import Llama, sized
from workloads.train.__main__ import main
from workloads.train.host import Place
from workloads.train.loop import Loop
from workloads.train.native import Native

OPTIONS = ("--model", "micro", "--steps", "4", "--batch", "4", "--checkpoint-every", "2")


@pytest.fixture
def xla(torch_xla):
    from workloads.train.xla import Xla

    made = Xla(Place())
    yield made
    made.close()


class NoReading(TorchDispatchMode):
    """Refuses what would wait for a number of the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert "_local_scalar_dense" not in str(function)
        return function(*args, **(kwargs or {}))


def llama() -> Llama:
    model = Llama(sized("micro", vocabulary=50, context=16))
    model.initialise(0)
    return model


def loss_of(model: Llama) -> torch.Tensor:
    tokens = torch.arange(32).reshape(2, 16)
    return torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1).float(), tokens.flatten())


def test_a_step_is_one_graph(xla, torch_xla):
    model, optimizer = xla.prepare(llama(), accumulate=False)
    torch_xla.calls.clear()

    for _ in range(2):
        xla.backward(model, loss_of(model), last=True)
        xla.update(model, optimizer, torch.tensor(1e-2), skip_bad=False)

    assert torch_xla.calls == ["optimizer.step", "sync"] * 2


def test_micro_batches_are_a_graph_each(xla, torch_xla):
    model, _ = xla.prepare(llama(), accumulate=True)
    torch_xla.calls.clear()

    xla.backward(model, loss_of(model), last=False)
    xla.backward(model, loss_of(model), last=True)

    assert torch_xla.calls == ["sync"]
    assert torch_xla.optimizer_options["use_grad_acc_hook"]


def test_weights_are_bfloat16_and_the_optimizers_float32(xla, torch_xla):
    model, optimizer = xla.prepare(llama(), accumulate=False)

    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert torch_xla.optimizer_options["optimizer_dtype"] == torch.float32
    state = xla.state(model, optimizer)
    for name, weight in llama().named_parameters():  # not what was rounded
        assert torch.equal(state["model"][name].full_tensor(), weight)


def test_few_values_are_fetched_by_the_graph_of_many(xla, torch_xla):
    shapes = []
    stack = torch.stack

    def note(tensors):
        shapes.append(len(tensors))
        return stack(tensors)

    torch.stack, values = note, [torch.tensor(float(i)) for i in range(20)]
    try:
        fetched = xla.fetch(values[:3])(), xla.fetch(values)()
    finally:
        torch.stack = stack

    assert fetched == ([0.0, 1.0, 2.0], [float(i) for i in range(20)])
    assert shapes == [20, 20]
    assert torch_xla.calls == ["all_reduce sum", "sync"] * 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_gradient_moves_nothing_where_it_may_be_left_out(xla, bad):
    model, optimizer = xla.prepare(llama(), accumulate=False)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    xla.backward(model, loss_of(model) * bad, last=True)
    norm = xla.update(model, optimizer, torch.tensor(1e-2), skip_bad=True)

    assert not torch.isfinite(norm)
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_the_peak_is_a_neuron_core_s(xla):
    assert xla.peak().tflops == 95
    assert "Trainium" in xla.peak().what


def test_no_step_reads_from_the_device(torch_xla, data, tmp_path, monkeypatch):
    step = Loop.step

    def watched(self, *rest):
        with NoReading():
            return step(self, *rest)

    monkeypatch.setattr(Loop, "step", watched)
    for device in ("cpu", "xla"):
        out = str(tmp_path / device)
        options = [*OPTIONS, "--micro-batch", "2", "--nan-skip", "1", "--device", device]
        assert main(["--data", str(data), "--out", out, *options]) == 0


def test_what_would_read_from_the_device_is_noticed():
    with NoReading(), pytest.raises(AssertionError):
        torch.ones(1).item()


def test_a_run_of_xla_is_continued_by_native_and_the_other_way(torch_xla, data, tmp_path, capsys):
    for first, second in (("xla", "cpu"), ("cpu", "xla")):
        run = tmp_path / first
        options = ["--data", str(data), "--out", str(run), *OPTIONS]
        assert main([*options, "--device", first]) == 0
        shutil.rmtree(run / "checkpoints" / "step-00000004")
        assert main([*options, "--device", second]) == 0
        assert "continues after step 2" in capsys.readouterr().err


def test_collecting_graphs_writes_nothing(torch_xla, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NEURON_EXTRACT_GRAPHS_ONLY", "1")
    out = tmp_path / "run"
    options = ["--steps", "100000", "--learning-rate", "1e30", "--device", "xla"]  # would diverge

    assert main(["--data", str(data), "--out", str(out), "--model", "micro", *options]) == 0

    assert "nothing was trained" in capsys.readouterr().err
    assert not out.exists()
    assert torch_xla.calls.count("optimizer.step") < 20


def test_native_writes_what_xla_writes(xla):
    """Names, shapes and types of a checkpoint, of which either continues the other's."""
    ours = xla.state(*xla.prepare(llama(), accumulate=False))
    xla.host.close()
    native = Native(Place(), device="cpu", processors=1)
    model, optimizer = native.prepare(llama(), accumulate=False)
    native.backward(model, loss_of(model), last=True)
    native.update(model, optimizer, torch.tensor(1e-2), skip_bad=False)
    theirs = native.state(model, optimizer)

    assert ours.keys() == theirs.keys()
    for group in ours.keys() - {"updates"}:
        described = [
            {name: (t.shape, t.dtype) for name, t in state[group].items()}
            for state in (ours, theirs)
        ]
        assert described[0] == described[1]
    assert ours["updates"].shape == theirs["updates"].shape
