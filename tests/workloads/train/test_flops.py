import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from workloads.llama import Llama, LlamaConfig, sized
from workloads.train.flops import cpu_peak, flops_per_token


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("size", ["micro", "tiny"])
def test_the_formula_is_what_pytorch_counts(size, tied):
    config = sized(size, vocabulary=500, context=64)
    model = Llama(LlamaConfig(**(vars(config) | {"tied": tied})))
    tokens = torch.arange(2 * 64).reshape(2, 64) % 500

    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(tokens).sum().backward()

    assert flops_per_token(model, 64) * tokens.numel() == counter.get_total_flops()


def test_a_cpu_s_peak_is_called_what_it_is():
    peak = cpu_peak()

    assert 0.0001 < peak.tflops < 100
    assert peak.what.startswith("CPU GEMM peak")
