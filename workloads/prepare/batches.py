"""Texts in amounts that memory is bounded by, however long or many they are."""

from collections.abc import Iterable, Iterator

CHARACTERS = 1 << 20
_TEXTS = 4096


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Neighbouring texts, until they have CHARACTERS characters or more."""
    batch: list[str] = []
    room = CHARACTERS
    for text in texts:
        batch.append(text)
        room -= len(text)
        if room <= 0 or len(batch) == _TEXTS:
            yield batch
            batch, room = [], CHARACTERS
    if batch:
        yield batch


def pieces(text: str) -> Iterator[str]:
    """A text of more than CHARACTERS in pieces, cut after a line break where there is one."""
    start = 0
    while len(text) - start > CHARACTERS:
        cut = text.rfind("\n", start, start + CHARACTERS) + 1 or start + CHARACTERS
        yield text[start:cut]
        start = cut
    yield text[start:]
