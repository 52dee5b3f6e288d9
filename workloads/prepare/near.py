"""Signatures by which near duplicates are found: MinHash over sequences of words, in bands.

Two texts whose sets of 5-word sequences have the Jaccard similarity s share a band with
probability 1 - (1 - s**ROWS)**BANDS: 0.92 at s = 0.8, 0.77 at 0.75, 0.05 at 0.5. These are the
parameters of FineWeb (arXiv:2406.17557, section 3.4).
"""

import numpy as np
from numpy.typing import NDArray

from workloads.prepare.characters import Positions, Words
from workloads.prepare.hashing import Hashes, grams, mix

BANDS, ROWS = 14, 8
SEQUENCE = 5  # words
_BLOCK = 1 << 16  # sequences whose hashes stay in the processor's cache


def recall(similarity: float) -> float:
    """The share of pairs of this Jaccard similarity that are found."""
    return float(1 - (1 - similarity**ROWS) ** BANDS)


def bands(words: Words, hashes: Hashes) -> tuple[Positions, NDArray[np.uint64]]:
    """For the texts of at least 5 words: their numbers, and one row of BANDS hashes for each."""
    found = grams(hashes, SEQUENCE)
    which = words.texts
    at = np.flatnonzero(which[: len(found)] == which[len(which) - len(found) :])
    if not len(at):
        return np.empty(0, dtype=np.int64), np.empty((0, BANDS), dtype=np.uint64)
    texts = which[at]
    firsts = np.flatnonzero(np.concatenate(([True], texts[1:] != texts[:-1])))
    least = _least(found[at].astype(np.uint32), firsts)
    rows = least.reshape(len(firsts), BANDS, ROWS).astype(np.uint64)
    total = np.arange(BANDS, dtype=np.uint64) + np.zeros((len(firsts), 1), dtype=np.uint64)
    for row in range(ROWS):
        total = mix(total + rows[:, :, row])
    return texts[firsts], total


def _least(hashes: NDArray[np.uint32], firsts: Positions) -> NDArray[np.uint32]:
    """The least of each text's hashes under BANDS * ROWS permutations of 32 bits."""
    least = np.empty((BANDS * ROWS, len(firsts)), dtype=np.uint32)
    for row, (factor, term) in enumerate(_permutations()):
        least[row] = np.minimum.reduceat(hashes * factor + term, firsts)
    return least.T


def _permutations() -> NDArray[np.uint32]:
    """Factors, which are odd, and terms; drawn once and for all from SplitMix64."""
    count = np.uint64(2 * BANDS * ROWS)
    drawn = mix(np.arange(1, count + np.uint64(1), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return (drawn >> np.uint64(32)).astype(np.uint32).reshape(-1, 2) | np.array([1, 0], np.uint32)
