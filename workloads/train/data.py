"""Which sequences a step trains on: a pure function of (seed, step, place in the batch).

Nothing else goes in, least of all the number of processes, so a resumed or resized run sees the
same batches.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.dataset import Dataset

ROUNDS = 4  # of a Feistel network: three already make a permutation that looks random


class Sequences:
    """A data set's sequences by number, read from its shards in place."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        width = dataset.sequence_length + 1
        self._shards = [
            np.memmap(path / shard.file, dtype=dataset.dtype, mode="r").reshape(-1, width)
            for shard in dataset.shards
        ]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """(len(numbers), sequence length + 1) tokens."""
        shards = np.searchsorted(self._starts, numbers, side="right") - 1
        rows = [
            self._shards[shard][number - self._starts[shard]]
            for shard, number in zip(shards, numbers, strict=True)
        ]
        return np.stack(rows).astype(np.int64)


def batch_numbers(*, count: int, seed: int, step: int, batch: int) -> list[int]:
    """The numbers below `count` in the global batch of `step` (from 1), each once an epoch."""
    first = (step - 1) * batch
    return [
        shuffled(position % count, count, key=f"{seed}/{position // count}")
        for position in range(first, first + batch)
    ]


def shuffled(index: int, count: int, *, key: str) -> int:
    """Where `index` goes in the key's permutation of range(count), without making the permutation.

    A Feistel network permutes the next even power of two; what falls outside the range is sent on
    until it falls inside.
    """
    half = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    while True:
        left, right = index >> half, index & ((1 << half) - 1)
        for round_ in range(ROUNDS):
            digest = hashlib.blake2b(f"{key}/{round_}/{right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest) & ((1 << half) - 1))
        index = left << half | right
        if index < count:
            return index
