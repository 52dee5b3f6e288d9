"""Byte-level BPE by the word: each different word is encoded once, by the tokenizer itself.

Text is cut into words as GPT-2's pattern does, which the `ByteLevel` pre-tokenizer has inside; some
tokenizers cut out single digits before:
    's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+
BPE never looks across words, so that a word's tokens are the same in every text.
"""

import json
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from workloads.prepare.characters import LETTER, NUMBER, SPACE, UNKNOWN, Characters
from workloads.prepare.hashing import Hashes, pieces

MOST_WORDS = 1 << 20  # remembered ones; then the memory begins anew
_APOSTROPHE, _BLANK = ord("'"), ord(" ")
_ONE = np.array([ord(letter) for letter in "stmd"], dtype=np.uint32)
_TWO = np.array([ord(a) << 21 | ord(b) for a, b in ("re", "ve", "ll")], dtype=np.uint32)

# Byte-level BPE writes bytes as characters: those that can be seen as they are in Latin-1, the
# others, in order, as those from 256 on.
_SEEN = (*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256))
_BYTES = {byte: 256 + i for i, byte in enumerate(sorted(set(range(256)) - set(_SEEN)))}


def suits(tokenizer: Tokenizer) -> bool:
    """Whether encoding word by word gives what this tokenizer gives for whole texts."""
    rules = json.loads(tokenizer.to_str())
    model = rules["model"]
    steps = _pre_tokenizers(rules)
    return (
        rules["normalizer"] is None
        and [step["type"] for step in steps] in (["ByteLevel"], ["Digits", "ByteLevel"])
        and not steps[-1]["add_prefix_space"]
        and steps[-1].get("use_regex", True)
        and steps[0].get("individual_digits", True)
        and model["type"] == "BPE"
        and not model["dropout"]
        and all(token["special"] for token in rules["added_tokens"])
    )


def _pre_tokenizers(rules: dict[str, Any]) -> list[dict[str, Any]]:
    one = rules["pre_tokenizer"] or {"type": None}
    steps: list[dict[str, Any]] = one.get("pretokenizers", [one])
    return steps


class WordEncoder:
    """Texts to tokens; remembers the words it has met."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._model = tokenizer.model
        self._split_digits = len(_pre_tokenizers(json.loads(tokenizer.to_str()))) > 1
        self._forget()

    def _forget(self) -> None:
        self._hashes = np.empty(0, dtype=np.uint64)  # sorted; the word's tokens are
        self._offsets = np.empty(0, dtype=np.int64)  # _tokens[offset : offset + length]
        self._lengths = np.empty(0, dtype=np.int64)
        self._tokens = np.empty(0, dtype=np.uint32)

    def encode(self, text: Characters) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The tokens of the texts end to end, and how many each has."""
        starts = word_starts(text, split_digits=self._split_digits)
        ends = np.append(starts[1:], len(text.codes))
        met = pa.array(pieces(text.codes, starts, ends)).dictionary_encode()
        indices = met.indices.to_numpy()
        words = met.dictionary.to_numpy()
        self._learn(words, indices, text, starts, ends)
        place = np.searchsorted(self._hashes, words)
        offsets, lengths = self._offsets[place][indices], self._lengths[place][indices]
        before = np.concatenate(([0], np.cumsum(lengths)))
        where = np.repeat(offsets - before[:-1], lengths) + np.arange(before[-1])
        bounds = before[np.searchsorted(starts, text.starts)]
        return self._tokens[where], np.diff(bounds)

    def _learn(
        self,
        words: Hashes,
        indices: NDArray[np.int32],
        text: Characters,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
    ) -> None:
        """Let the tokenizer encode the words that are new."""
        if len(self._hashes) > MOST_WORDS:
            self._forget()
        place = np.minimum(np.searchsorted(self._hashes, words), len(self._hashes) - 1)
        known = (
            self._hashes[place] == words if len(self._hashes) else np.zeros(len(words), dtype=bool)
        )
        new = np.flatnonzero(~known)
        if not len(new):
            return
        first = np.empty(len(words), dtype=np.int64)
        first[indices[::-1]] = np.arange(len(indices))[::-1]  # the last assignment stays
        first = first[new]
        encoded = [self._encode(word) for word in text.cut(starts[first], ends[first])]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        offsets = len(self._tokens) + np.cumsum(lengths) - lengths
        flat = np.fromiter(chain.from_iterable(encoded), dtype=np.uint32)
        hashes = np.concatenate((self._hashes, words[new]))
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._offsets = np.concatenate((self._offsets, offsets))[order]
        self._lengths = np.concatenate((self._lengths, lengths))[order]
        self._tokens = np.concatenate((self._tokens, flat))

    def _encode(self, word: str) -> list[int]:
        """The model's tokens of a word, which it is given as the pre-tokenizer would give it."""
        spelt = word.encode().decode("latin-1").translate(_BYTES)
        return [token.id for token in self._model.tokenize(spelt)]


def knows(text: Characters) -> bool:
    """Whether every character is one that this Python's Unicode tables have."""
    return not np.any(text.flags & UNKNOWN)


def word_starts(text: Characters, *, split_digits: bool = False) -> NDArray[np.int64]:
    """Where the words begin; a digit may be cut out first, as if it were a text of its own."""
    codes, size = text.codes, len(text.codes)
    if not size:
        return np.empty(0, dtype=np.int64)
    kind = text.flags & (LETTER | NUMBER | SPACE)
    space = kind == SPACE
    edge = np.zeros(size + 1, dtype=bool)  # a text's first character
    edge[text.starts] = True
    if split_digits:
        digits = np.flatnonzero(text.flags & NUMBER)
        edge[digits] = edge[digits + 1] = True
    after_space = np.zeros(size, dtype=bool)
    after_space[1:] = space[:-1]
    before_word = np.zeros(size, dtype=bool)
    before_word[:-1] = ~space[1:]
    before_word &= ~edge[1:]
    changed = np.ones(size, dtype=bool)
    changed[1:] = kind[1:] != kind[:-1]
    after_blank = np.zeros(size, dtype=bool)
    after_blank[1:] = codes[:-1] == _BLANK
    # A blank joins the word after it, and of several white spaces only the last one is looked at.
    start = np.where(
        space, ~after_space | before_word, np.where(after_space, ~after_blank, changed)
    )
    start |= edge[:-1]
    _cut_contractions(codes, start, edge)
    return np.flatnonzero(start)


def _cut_contractions(
    codes: NDArray[np.uint32], start: NDArray[np.bool_], edge: NDArray[np.bool_]
) -> None:
    """Make 's and its like words, in place."""
    at = np.flatnonzero((codes == _APOSTROPHE) & start)
    at = at[~edge[at + 1]]
    one = at[np.isin(codes[at + 1], _ONE)]
    at = at[~edge[at + 2]]
    two = at[np.isin(codes[at + 1] << np.uint32(21) | codes[at + 2], _TWO)]
    for found, length in ((one, 2), (two, 3)):
        start[found + 1] = False
        after = found + length
        start[after[after < len(codes)]] = True
