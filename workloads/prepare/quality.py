"""Which texts are hardly language: published heuristics that need no list of words.

The thresholds are those of
- Gopher: Rae et al. 2021, arXiv:2112.11446, section A1.1 and table A1
- FineWeb: Penedo et al. 2024, arXiv:2406.17557, section 3.6
What they say of words holds here for runs of letters and numbers, or single letters in scripts
without spaces. Left out are rules that are of English (stop words) or of web pages ("javascript",
braces), and Gopher's longest text, which would throw books away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.prepare.characters import (
    ALONE,
    ENDING,
    LETTER,
    SPACE,
    Characters,
    Positions,
    Words,
)
from workloads.prepare.hashing import Hashes, grams, mix, pieces

GOPHER = "Gopher, arXiv:2112.11446"
FINEWEB = "FineWeb, arXiv:2406.17557"
SHORT_LINE = 30  # characters; one of a script without spaces counts twice
KEPT = -1  # in place of the number of a rule

Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A text is kept when `least` <= its value <= `most`."""

    name: str
    source: str
    least: float = 0.0
    most: float = np.inf


RULES = (
    Rule(name="fewer than 50 words", least=50, source=GOPHER),
    Rule(name="mean word length not 3 to 10", least=3, most=10, source=GOPHER),
    Rule(name="more than 0.1 # or ellipses per word", most=0.1, source=GOPHER),
    Rule(name="more than 90 % of lines are bullets", most=0.9, source=GOPHER),
    Rule(name="more than 30 % of lines end with an ellipsis", most=0.3, source=GOPHER),
    Rule(name="less than 80 % of words have a letter", least=0.8, source=GOPHER),
    Rule(name="at most 12 % of lines end as sentences do", least=0.12, source=FINEWEB),
    Rule(name="at least 67 % of lines are short", most=0.67, source=FINEWEB),
    Rule(name="more than 30 % of lines repeat", most=0.3, source=GOPHER),
    Rule(name="at least 10 % of characters in repeated lines", most=0.1, source=FINEWEB),
    Rule(name="one pair of words is more than 20 %", most=0.20, source=GOPHER),
    Rule(name="one triple of words is more than 18 %", most=0.18, source=GOPHER),
    Rule(name="one quadruple of words is more than 16 %", most=0.16, source=GOPHER),
    *(
        Rule(name=f"repeated {size}-grams are more than {20 - size} %", most=0.20 - size / 100,
             source=GOPHER)
        for size in range(5, 11)
    ),
)  # fmt: skip


def judge(text: Characters, words: Words, hashes: Hashes) -> NDArray[np.int64]:
    """For each text the number of the first rule that it breaks, or KEPT; hashes: the words'."""
    size = np.diff(text.starts)
    count = np.diff(words.bounds)
    values = [
        count.astype(float),
        _mean_length(text, words, count),
        _symbols(text) / np.maximum(count, 1),
        *_lines(text, size),
        *(_most_frequent(words, hashes, of, size) for of in (2, 3, 4)),
    ]
    values[5:5] = [_alphabetic(text)]
    values += _repeated(words, hashes, size)
    verdict = np.full(len(size), KEPT)
    for number, (rule, value) in reversed(list(enumerate(zip(RULES, values, strict=True)))):
        verdict[(value < rule.least) | (value > rule.most)] = number
    return verdict


def _mean_length(text: Characters, words: Words, count: Positions) -> Shares:
    lengths = np.concatenate(([0], np.cumsum(words.ends - words.starts)))
    letters = np.diff(lengths[words.bounds])
    mean: Shares = letters / np.maximum(count, 1)
    alone = text.counts(np.flatnonzero(text.flags & ALONE))
    # A script without spaces has no such thing as a word's length.
    mean[(alone > letters / 2) | (count == 0)] = RULES[1].least
    return mean


def _symbols(text: Characters) -> Positions:
    codes = text.codes
    hashes = text.counts(np.flatnonzero(codes == ord("#")))
    dots, ends = text.runs(codes == ord("."))
    dots = dots[ends - dots >= 3]
    ellipses = text.counts(dots) + text.counts(np.flatnonzero(codes == ord("…")))
    more: Positions = np.maximum(hashes, ellipses)
    return more


def _alphabetic(text: Characters) -> Shares:
    """Of what stands between white space, the share that has a letter."""
    starts, ends = text.runs((text.flags & SPACE) == 0)
    letters = np.concatenate(([0], np.cumsum((text.flags & LETTER) > 0)))
    has = letters[ends] > letters[starts]
    return text.counts(starts[has]) / np.maximum(text.counts(starts), 1)


def _lines(text: Characters, size: Positions) -> list[Shares]:
    """Shares of the lines that are not blank: bullets, ellipses, ends, short ones, repeated ones;
    and the share of the characters in repeated ones."""
    codes, flags = text.codes, text.flags
    starts, ends = text.runs(codes != ord("\n"))
    chunk_starts, chunk_ends = text.runs((flags & SPACE) == 0)
    first, after = np.searchsorted(chunk_starts, starts), np.searchsorted(chunk_starts, ends)
    filled = after > first
    starts, ends = chunk_starts[first[filled]], chunk_ends[after[filled] - 1]
    count = text.counts(starts)
    last = ends - 1
    dotted = (ends - starts >= 3) & (codes[last] == ord("."))
    dotted &= (codes[last - 1] == ord(".")) & (codes[last - 2] == ord("."))
    alone = np.concatenate(([0], np.cumsum((flags & ALONE) > 0)))
    width = ends - starts + alone[ends] - alone[starts]
    which = np.repeat(np.arange(len(count)), count)
    keys = _within(pieces(codes, starts, ends), which)
    again = _again(keys)
    characters = np.bincount(which, weights=(ends - starts) * again, minlength=len(count))
    marks = (
        np.isin(codes[starts], _codes("•‣◦⁃▪·*-–")),
        dotted | (codes[last] == ord("…")),
        (flags[last] & ENDING) > 0,
        width < SHORT_LINE,
        again,
    )
    shares = [text.counts(starts[mark]) / np.maximum(count, 1) for mark in marks]
    return [*shares, characters / np.maximum(size, 1)]


def _most_frequent(words: Words, hashes: Hashes, of: int, size: Positions) -> Shares:
    """The share of a text that its most frequent sequence of `of` words takes, if it repeats."""
    keys, at, which = _grams(words, hashes, of)
    order, firsts, counts = _repeats(keys)
    most = np.zeros(len(size), dtype=np.int64)
    if len(firsts):
        places = at[np.minimum.reduceat(order, firsts)]
        lengths = words.ends[places + of - 1] - words.starts[places]
        np.maximum.at(most, which[places], lengths * counts)
    return most / np.maximum(size, 1)


def _repeated(words: Words, hashes: Hashes, size: Positions) -> list[Shares]:
    """The share of a text's characters in sequences of 5 to 10 words that stood there before.

    What a repeated sequence covers its parts cover too, so the share falls with the length: where
    that of 5 words passes the strictest rule, the others pass.
    """
    shares = [_covered(words, hashes, 5, size)]
    suspects = np.flatnonzero(shares[0] > RULES[-1].most)
    lengths = np.diff(words.bounds)[suspects]
    mine = np.repeat(words.bounds[suspects] - np.cumsum(lengths) + lengths, lengths)
    mine += np.arange(len(mine))
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    some = Words(starts=words.starts[mine], ends=words.ends[mine], bounds=bounds)
    for of in range(6, 11):
        share = np.zeros(len(size))
        share[suspects] = _covered(some, hashes[mine], of, size[suspects])
        shares.append(share)
    return shares


def _covered(words: Words, hashes: Hashes, of: int, size: Positions) -> Shares:
    keys, at, _ = _grams(words, hashes, of)
    places = at[_again(keys)]
    change = np.zeros(len(words.starts) + 1, dtype=np.int64)
    np.add.at(change, places, 1)
    np.add.at(change, places + of, -1)
    covered = np.cumsum(change[:-1]) > 0
    running = np.concatenate(([0], np.cumsum((words.ends - words.starts) * covered)))
    return np.diff(running[words.bounds]) / np.maximum(size, 1)


def _grams(words: Words, hashes: Hashes, of: int) -> tuple[Hashes, Positions, Positions]:
    """Keys of the sequences of `of` words within one text, their first words, each word's text."""
    which = words.texts
    found = grams(hashes, of)
    at = np.flatnonzero(which[: len(found)] == which[len(which) - len(found) :])
    return _within(found[at], which[at]), at, which


def _within(hashes: Hashes, which: Positions) -> Hashes:
    """Keys that are equal only within one text."""
    return mix(hashes + which.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F))


def _again(keys: Hashes) -> NDArray[np.bool_]:
    """Whether a key stood at an earlier place."""
    order, firsts, _ = _repeats(keys)
    again = np.zeros(len(keys), dtype=bool)
    if len(firsts):
        again[order] = True
        again[np.minimum.reduceat(order, firsts)] = False
    return again


def _repeats(keys: Hashes) -> tuple[Positions, Positions, Positions]:
    """The places of the keys that occur more than once, equal ones side by side; where each such
    group begins, and its size."""
    # Most keys are alone, and told so without sorting: nothing else falls into their slot.
    bits = 2 + len(keys).bit_length()
    slots = (keys >> np.uint64(64 - bits)).astype(np.intp)
    places = np.flatnonzero(np.bincount(slots, minlength=1)[slots] > 1)
    places = places[np.argsort(keys[places])]
    ordered = keys[places]
    begins = np.flatnonzero(
        np.concatenate((ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]))
    )
    sizes = np.diff(np.append(begins, len(ordered)))
    several = np.repeat(sizes > 1, sizes)
    sizes = sizes[sizes > 1]
    return places[several], np.cumsum(sizes) - sizes, sizes


def _codes(text: str) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in text], dtype=np.uint32)
