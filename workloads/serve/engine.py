"""The model and its sampling: tokens in, pieces of text out. No HTTP and no threads here."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from torch import Tensor

from workloads.command import InputError
from workloads.hugging_face import (
    CONFIG,
    GENERATION_CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    read_json,
    read_model,
)
from workloads.llama import Cache, Llama
from workloads.serve.chat import ChatTemplate
from workloads.serve.text import TextStream, token_bytes


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to choose tokens; temperature 0 takes the likeliest, top_k 0 considers all."""

    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some text; the last piece says why it is the last, and how many tokens there were."""

    text: str
    tokens: int
    finish: Literal["stop", "length"] | None = None


class Engine:
    """A Hugging Face folder, loaded."""

    def __init__(self, path: Path) -> None:
        self.model: Llama = read_model(path)
        self.tokenizer = _read_tokenizer(path / TOKENIZER)
        self.chat = ChatTemplate(read_json(path / TOKENIZER_CONFIG))
        self.context = self.model.config.context
        self.vocabulary = self.model.config.vocabulary
        file = path / GENERATION_CONFIG
        self.defaults: Mapping[str, Any] = read_json(file) if file.exists() else {}
        ends = self.defaults.get("eos_token_id", read_json(path / CONFIG).get("eos_token_id", []))
        self._ends = frozenset([ends] if isinstance(ends, int) else ends)
        self._bytes = token_bytes(self.tokenizer)

    def encode(self, text: str, *, marks: bool) -> list[int]:
        """Tokens of `text`; with `marks`, those the tokenizer puts around a plain text."""
        tokens: list[int] = self.tokenizer.encode(text, add_special_tokens=marks).ids
        return tokens

    @torch.inference_mode()
    def generate(
        self, prompt: Sequence[int], sampling: Sampling, *, cancelled: Callable[[], bool]
    ) -> Iterator[Piece]:
        """Continue `prompt`, which leaves room in the context, until an end or `cancelled`."""
        random = torch.Generator()
        if sampling.seed is None:
            random.seed()
        else:
            random.manual_seed(sampling.seed)
        text = TextStream(self._bytes, sampling.stop)
        cache = Cache(self.model.config)
        limit = min(sampling.max_tokens, self.context - len(prompt))
        given = torch.tensor([list(prompt)])
        for count in range(1, limit + 1):
            if cancelled():
                return
            token = choose(self.model(given, cache)[0, -1], sampling, random)
            given = torch.tensor([[token]])
            if token in self._ends:
                yield Piece(text=text.finish(), tokens=count, finish="stop")
                return
            ready = text.push(token)
            if text.stopped:
                yield Piece(text=ready, tokens=count, finish="stop")
                return
            if ready:
                yield Piece(text=ready, tokens=count)
        yield Piece(text=text.finish(), tokens=limit, finish="length")


def _read_tokenizer(file: Path) -> Tokenizer:
    described = read_json(file)
    try:
        return Tokenizer.from_str(json.dumps(described))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{file} is not a tokenizer: {error}") from None


def choose(logits: Tensor, sampling: Sampling, random: torch.Generator) -> int:
    """One token, from logits (vocabulary)."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    values, tokens = (logits / sampling.temperature).sort(descending=True, stable=True)
    if sampling.top_k:
        values = values[: sampling.top_k]
    chances = values.softmax(-1)
    # The likeliest tokens that together reach top_p: those before which less has gathered.
    chances = chances[chances.cumsum(-1) - chances < sampling.top_p]
    return int(tokens[torch.multinomial(chances, 1, generator=random)])
