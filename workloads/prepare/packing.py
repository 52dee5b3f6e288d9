"""Documents into token sequences of one length, and those into shards."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from workloads.prepare.tokenizer import BEGIN, END

BATCH_DOCUMENTS = 1000
PIECE_CHARACTERS = 1 << 20  # a longer document is encoded in pieces, cut after a line break


def encode(tokenizer: Tokenizer, documents: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
    """Each document's tokens between a begin and an end mark.

    A mark's name that stands in the text is text: only the marks set here mean anything.
    """
    tokenizer.encode_special_tokens = True
    begin, end = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END)
    texts = iter(documents)
    while batch := list(islice(texts, BATCH_DOCUMENTS)):
        pieces = [list(_pieces(text)) for text in batch]
        flat = [piece for document in pieces for piece in document]
        encoded = iter(tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for document in pieces:
            tokens = [token for piece in islice(encoded, len(document)) for token in piece.ids]
            yield np.array([begin, *tokens, end], dtype=np.uint32)


def pack(documents: Iterable[NDArray[np.uint32]], length: int) -> Iterator[NDArray[np.uint32]]:
    """The documents end to end, cut into rows of `length` + 1 tokens, a few rows at a time.

    A row's last token is the next row's first, so that each token but the first is once a target.
    What does not fill a row at the end is left out.
    """
    rest = np.empty(0, dtype=np.uint32)
    for document in documents:
        rest = np.concatenate((rest, document))
        if rows := (len(rest) - 1) // length:
            yield np.lib.stride_tricks.sliding_window_view(rest, length + 1)[::length][:rows]
            rest = rest[rows * length :]


def shards(rows: Iterable[NDArray[np.uint32]], size: int) -> Iterator[NDArray[np.uint32]]:
    """The rows regrouped, `size` rows to a shard, the last one shorter."""
    waiting: list[NDArray[np.uint32]] = []
    count = 0
    for some in rows:
        while count + len(some) >= size:
            yield np.concatenate((*waiting, some[: size - count]))
            some, waiting, count = some[size - count :], [], 0
        if len(some):
            waiting.append(some)
            count += len(some)
    if waiting:
        yield np.concatenate(waiting)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        cut = text.rfind("\n", start, start + PIECE_CHARACTERS) + 1 or start + PIECE_CHARACTERS
        yield text[start:cut]
        start = cut
    yield text[start:]
