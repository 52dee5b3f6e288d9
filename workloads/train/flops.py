"""How much a training step computes, and how much the device could."""

import time

import torch

from workloads.llama import Llama, LlamaConfig
from workloads.train.backend import Peak

FORMULA = "6 x weights in products + 12 x layers x heads x head width x sequence length"
SIDE = 768  # of the probe's square matrices: beyond the first caches, and a few milliseconds each
PROBES = 12


def flops_per_token(model: Llama, sequence_length: int) -> int:
    """Forward and backward, by FORMULA: as PaLM (arXiv:2204.02311, appendix B) counts.

    Attention is counted without its mask and nothing that would be computed twice. An embedding
    that is only looked up is no product; one that is also the output is.
    """
    return 6 * product_weights(model) + attention_flops(model.config, sequence_length)


def product_weights(model: Llama) -> int:
    looked_up = 0 if model.config.tied else model.model.embed_tokens.weight.numel()
    return sum(p.numel() for p in model.parameters() if p.dim() > 1) - looked_up


def attention_flops(config: LlamaConfig, sequence_length: int) -> int:
    return 12 * config.layers * config.heads * config.head_width * sequence_length


def cpu_peak() -> Peak:
    """What this process's threads reach in a product of matrices; no accelerator's figure."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    out = torch.empty(SIDE, SIDE)
    best = float("inf")
    for _ in range(PROBES):
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        best = min(best, time.perf_counter() - started)
    return Peak(tflops=2 * SIDE**3 / best / 1e12, what="CPU GEMM peak, float32, measured at start")
