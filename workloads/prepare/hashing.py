"""64-bit hashes of many pieces of an array at once.

The sum of code(i) * BASE**i over a piece, from one running sum over the whole array: dividing by
BASE**start, which modulo 2**64 is a product since BASE is odd, makes it depend on the piece alone.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15  # 2**64 / the golden ratio, odd
_INVERSE = pow(_BASE, -1, 1 << 64)
_GRAM = np.uint64(0xD6E8FEB86659FD93)


def pieces(codes: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """A hash of codes[start:end] for each start and end."""
    size = len(codes)
    running = np.empty(size + 1, dtype=np.uint64)
    running[0] = 0
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, size), out=running[1:])
    sums = (running[ends] - running[starts]) * _powers(_INVERSE, size + 1)[starts]
    return mix(sums ^ (ends - starts).astype(np.uint64))


def grams(hashes: Hashes, size: int) -> Hashes:
    """A hash of each `size` neighbours in order, one for every place where that many follow."""
    count = max(0, len(hashes) - size + 1)
    total = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        total = total * _GRAM + hashes[place : place + count]
    return mix(total)


def mix(values: Hashes) -> Hashes:
    """Spread every bit over all: the finaliser of SplitMix64 (doi.org/10.1145/2714064.2660195)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _powers(base: int, size: int) -> Hashes:
    return _some_powers(base, 1 << size.bit_length())[:size]


@cache
def _some_powers(base: int, size: int) -> Hashes:
    powers = np.full(size, base, dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers)
