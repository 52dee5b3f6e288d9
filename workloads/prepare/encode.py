"""A part's documents that are left, as tokens end to end."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from workloads.files import Folder
from workloads.prepare.batches import batches, pieces
from workloads.prepare.characters import characters
from workloads.prepare.layout import RULES, TOKENS, dtype, survivors
from workloads.prepare.words import WordEncoder, knows, suits
from workloads.prepare.work import Tally

Tokens = NDArray[np.uint32]
Marks = tuple[int, int]  # begin, end


def encode(
    work: Folder, stem: str, cleaned: str, merged: str, part: int, learnt: str, marks: Marks
) -> Tally:
    """Write the tokens of a part; a token takes two bytes where the vocabulary allows."""
    tokenizer = Tokenizer.from_str(work.read(learnt + RULES).decode())
    encoder = Encoder(tokenizer, marks)
    blocks, documents = [], 0
    for texts, _ in survivors(work, cleaned, merged, part):
        documents += len(texts)
        blocks.append(encoder.encode(texts).astype(dtype(tokenizer.get_vocab_size())))
    data = b"".join(block.tobytes() for block in blocks)
    work.write(stem + TOKENS, data)
    size = dtype(tokenizer.get_vocab_size()).itemsize
    return {"documents": documents, "tokens": len(data) // size}


class Encoder:
    """Texts to tokens between a begin and an end mark.

    A mark's name that stands in the text is text: only the marks set here mean anything.
    """

    def __init__(self, tokenizer: Tokenizer, marks: Marks) -> None:
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._begin, self._end = marks
        self._words = WordEncoder(tokenizer) if suits(tokenizer) else None

    def encode(self, texts: Sequence[str]) -> Tokens:
        """The tokens of all texts end to end."""
        if not texts:
            return np.empty(0, dtype=np.uint32)
        cut = [list(pieces(text)) for text in texts]
        counts = np.fromiter(map(len, cut), dtype=np.int64, count=len(cut))
        encoded = [self._encode(some) for some in batches(chain.from_iterable(cut))]
        tokens = np.concatenate([some for some, _ in encoded])
        lengths = np.concatenate([lengths for _, lengths in encoded])
        ends = np.cumsum(lengths)[np.cumsum(counts) - 1]
        starts = np.concatenate(([0], ends[:-1]))
        marks = np.tile(np.array([self._begin, self._end], dtype=np.uint32), len(texts))
        return np.insert(tokens, np.stack((starts, ends), axis=1).ravel(), marks)

    def _encode(self, texts: Sequence[str]) -> tuple[Tokens, NDArray[np.int64]]:
        if self._words is not None and knows(text := characters(texts)):
            return self._words.encode(text)
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        lengths = np.fromiter((len(some.ids) for some in encoded), np.int64, count=len(encoded))
        return np.concatenate([np.array(some.ids, dtype=np.uint32) for some in encoded]), lengths
