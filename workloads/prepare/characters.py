"""Texts as one array of code points: batches are looked at without a loop over characters."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

LETTER, NUMBER, MARK, SPACE, ALONE, ENDING, UNKNOWN = (1 << bit for bit in range(7))
WORD = LETTER | NUMBER | MARK

# Scripts written without spaces between words: each letter stands for a word (Unicode 14, Blocks).
_WITHOUT_SPACES = (
    *((0x0E00, 0x0F00), (0x0F00, 0x1000), (0x1000, 0x10A0), (0x1780, 0x1800)),  # Thai to Khmer
    *((0x2E80, 0x3040), (0x3040, 0x3100), (0x31F0, 0x3200), (0x3400, 0x4DC0), (0x4E00, 0xA000)),
    *((0xF900, 0xFB00), (0x20000, 0x33500)),  # kana and Han
)
# Unicode's property Sentence_Terminal has these and rarer ones; closing quotes may follow them.
_ENDINGS = ".!?…。！？｡．‼⁇⁈⁉؟۔।॥።។၊။։\"'”’»」』)）"
# Beyond the last plane that holds letters only tags and private use are assigned.
_ASSIGNED = chain(range(0x33500), range(0xE0000, 0xE0200))
_PRIVATE = ((0xE000, 0xF900), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE))


@cache
def classes() -> NDArray[np.uint8]:
    """What each of the 0x110000 code points is, as flags; 0: punctuation, symbols and controls."""
    table = np.full(0x110000, UNKNOWN, dtype=np.uint8)
    for start, stop in _PRIVATE:
        table[start:stop] = 0
    kinds = {"L": LETTER, "N": NUMBER, "M": MARK}
    for code in _ASSIGNED:
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cn", "Cs", "Co"):
            continue
        # str.isspace() has the four information separators on top of Unicode's White_Space.
        is_space = character.isspace() and not 0x1C <= code <= 0x1F
        table[code] = SPACE if is_space else kinds.get(category[0], 0)
    for start, stop in _WITHOUT_SPACES:
        block = table[start:stop]
        block[(block & LETTER) > 0] |= ALONE
    table[[ord(ending) for ending in _ENDINGS]] |= ENDING
    return table


Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Characters:
    """The code points of some texts end to end; text i lies from starts[i] to starts[i + 1]."""

    codes: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    starts: Positions

    def counts(self, at: Positions) -> Positions:
        """How many of the positions, which ascend, lie in each text."""
        return np.diff(np.searchsorted(at, self.starts))

    def cut(self, starts: Positions, ends: Positions) -> list[str]:
        """The characters from each start to its end."""
        lengths = ends - starts
        after = np.cumsum(lengths)
        where = np.repeat(starts - after + lengths, lengths) + np.arange(lengths.sum())
        flat = self.codes[where].tobytes().decode("utf-32-le")
        bounds = zip((after - lengths).tolist(), after.tolist(), strict=True)
        return [flat[start:end] for start, end in bounds]

    def runs(self, inside: NDArray[np.bool_]) -> tuple[Positions, Positions]:
        """Where each run of characters that are `inside` begins and ends, within one text."""
        edge = np.zeros(len(self.codes) + 1, dtype=bool)
        edge[self.starts] = True
        before = np.concatenate(([False], inside[:-1]))
        after = np.concatenate((inside[1:], [False]))
        starts = np.flatnonzero(inside & (edge[:-1] | ~before))
        return starts, np.flatnonzero(inside & (edge[1:] | ~after)) + 1


@dataclass(frozen=True)
class Words:
    """Runs of letters, marks and numbers; in scripts without spaces each letter.

    Arrays of one row for each word of all texts; those of text i are `bounds[i]:bounds[i + 1]`.
    """

    starts: Positions
    ends: Positions
    bounds: Positions

    @property
    def texts(self) -> Positions:
        """Which text each word is in."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))


def characters(texts: Sequence[str]) -> Characters:
    """The code points of `texts`; a lone surrogate, which UTF-8 cannot hold, is an error."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    starts = np.concatenate(([0], np.cumsum(lengths)))
    return Characters(codes=codes, flags=classes()[codes], starts=starts)


def words(text: Characters) -> Words:
    """The words of all texts."""
    starts, ends = text.runs((text.flags & WORD) > 0)
    alone = text.flags & ALONE > 0
    if alone.any():
        begins = np.zeros(len(text.codes) + 1, dtype=bool)
        stops = begins.copy()
        begins[starts] = stops[ends] = True
        # Also between two words' letters that stand alone; a mark stays with the letter before.
        inner = np.flatnonzero((alone[:-1] | alone[1:]) & (text.flags[1:] & (LETTER | NUMBER) > 0))
        inner = inner[(text.flags[inner] & WORD) > 0] + 1
        begins[inner] = stops[inner] = True
        starts, ends = np.flatnonzero(begins), np.flatnonzero(stops)
    return Words(starts=starts, ends=ends, bounds=np.searchsorted(starts, text.starts))
