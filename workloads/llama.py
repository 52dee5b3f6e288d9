"""The Llama architecture in plain PyTorch, its parameters named as Hugging Face names them.

Train, export and serve share it: rotary positions, grouped-query attention, SwiGLU, RMSNorm.
In shapes, B is the batch, T the tokens given, H the heads, K the key-value heads, D the head's
width.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL, GAIN = 0.02, 0.7  # of fresh weights


@dataclass(frozen=True, kw_only=True)
class Size:
    """The numbers of a Llama that no data set decides."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    head_width: int


@dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """How Llama 3.1 and later reach further than they were first trained to: `llama3`."""

    factor: float  # how much slower the slow rotations become
    low_frequency: float  # rotations of fewer turns than this in the first context are slow
    high_frequency: float  # those of more turns stay as they are
    first_context: int


@dataclass(frozen=True, kw_only=True)
class LlamaConfig(Size):
    """The numbers that make one Llama; `context` is the most tokens it attends to."""

    vocabulary: int
    context: int
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    norm_epsilon: float = 1e-5
    tied: bool = True


# fmt: off
SIZES = {
    "micro": Size(width=32,  layers=1, heads=2, kv_heads=1, hidden=64,   head_width=16),
    "tiny":  Size(width=128, layers=2, heads=4, kv_heads=2, hidden=352,  head_width=32),
    "small": Size(width=512, layers=8, heads=8, kv_heads=4, hidden=1408, head_width=64),
}
# fmt: on


def sized(name: str, *, vocabulary: int, context: int) -> LlamaConfig:
    """A size of SIZES for a data set's vocabulary and sequence length."""
    return LlamaConfig(vocabulary=vocabulary, context=context, **asdict(SIZES[name]))


def config_of(table: Mapping[str, Any]) -> LlamaConfig:
    """What `asdict` made of a configuration."""
    scaling = table.get("rope_scaling")
    return LlamaConfig(**{**table, "rope_scaling": RopeScaling(**scaling) if scaling else None})


class Cache:
    """Keys and values of the tokens seen so far, for up to `context` of them."""

    def __init__(self, config: LlamaConfig, *, batch: int = 1) -> None:
        shape = (config.layers, batch, config.kv_heads, config.context, config.head_width)
        self.keys = torch.zeros(shape)
        self.values = torch.zeros(shape)
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put (B, K, T, D) behind what is there and give all of the layer's so far."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class Attention(nn.Module):
    """Causal self-attention in which several query heads share a key-value head."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.head_width = config.head_width
        queries, shared = config.heads * config.head_width, config.kv_heads * config.head_width
        self.q_proj = nn.Linear(config.width, queries, bias=False)
        self.k_proj = nn.Linear(config.width, shared, bias=False)
        self.v_proj = nn.Linear(config.width, shared, bias=False)
        self.o_proj = nn.Linear(queries, config.width, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], cache: Cache | None) -> Tensor:
        queries, keys, values = (
            projection(x).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
        if cache is not None:
            keys, values = cache.extend(self.layer, keys, values)
        # One new token sees everything before it; several begin a sequence and are masked.
        mixed = F.scaled_dot_product_attention(
            queries, keys, values, is_causal=x.shape[1] > 1, enable_gqa=True
        )
        out: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(-2))
        return out


class FeedForward(nn.Module):
    """SwiGLU: a gate decides how much of each hidden unit passes."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """Attention, then the feed-forward network, each added to what came in."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], cache: Cache | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rotation, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Body(nn.Module):
    """Embedding, blocks and the last norm: what Hugging Face calls `model`."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)


class Llama(nn.Module):
    """Token ids (B, T) to logits (B, T, vocabulary); with a cache, (B, 1, vocabulary)."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        if not config.tied:
            self.lm_head = nn.Linear(config.width, config.vocabulary, bias=False)
        cosines, sines = rotations(config)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def initialise(self, seed: int) -> None:
        """Fresh weights, a function of the seed alone.

        What a block adds begins small beside the embedding; what it computes with keeps its
        size. Smaller queries and keys would have gradients not far from rounding errors, which
        Adam scales up: runs on other numbers of processes then drift apart.
        """
        random = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.normal_(
                    weight, std=SMALL / math.sqrt(2 * self.config.layers), generator=random
                )
            elif name.endswith("_proj.weight"):
                nn.init.normal_(weight, std=GAIN / math.sqrt(weight.shape[1]), generator=random)
            elif weight.dim() > 1:
                nn.init.normal_(weight, std=SMALL, generator=random)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        start = cache.length if cache is not None else 0
        end = start + tokens.shape[1]
        rotation = self.cosines[start:end], self.sines[start:end]
        x = self.model.embed_tokens(tokens)
        for block in self.model.layers:
            x = block(x, rotation, cache)
        if cache is not None:
            cache.length = end
            x = x[:, -1:]  # generation asks only what comes next
        head = self.model.embed_tokens if self.config.tied else self.lm_head
        return F.linear(self.model.norm(x), head.weight)


def rotations(config: LlamaConfig) -> tuple[Tensor, Tensor]:
    """Cosine and sine (context, D) of every position's angles, in float64 before rounding."""
    pairs = torch.arange(0, config.head_width, 2, dtype=torch.float64) / config.head_width
    speeds = config.rope_theta**-pairs
    if config.rope_scaling:
        speeds = slowed(speeds, config.rope_scaling)
    positions = torch.arange(config.context, dtype=torch.float64)
    angles = torch.outer(positions, speeds).repeat(1, 2)
    return angles.cos().float(), angles.sin().float()


def slowed(speeds: Tensor, scaling: RopeScaling) -> Tensor:
    """Radians per token after `llama3`: slow rotations slower, fast ones as they are, and between
    the two a mixture that follows the number of turns within the first context.

    meta-llama/llama-models, models/llama3/model.py, apply_scaling; huggingface/transformers,
    modeling_rope_utils.py, _compute_llama3_parameters.
    """
    turns = scaling.first_context * speeds / (2 * math.pi)
    low, high = scaling.low_frequency, scaling.high_frequency
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return speeds * (kept + (1 - kept) / scaling.factor)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (i, i + D/2) of (B, H, T, D) by its position's angle."""
    cosines, sines = (angles.to(x.dtype) for angles in rotation)
    first, second = x.chunk(2, dim=-1)
    return x * cosines + torch.cat((-second, first), dim=-1) * sines
