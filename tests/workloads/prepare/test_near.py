import numpy as np
import pytest

from workloads.prepare.characters import characters, words
from workloads.prepare.hashing import pieces
from workloads.prepare.near import BANDS, bands, recall


def signed(texts: list[str]):
    looked = characters(texts)
    found = words(looked)
    return bands(found, pieces(looked.codes, found.starts, found.ends))


def pair(random: np.random.Generator, size: int, other: int) -> tuple[str, str]:
    """Two texts of `size` words that differ in the last `other` ones."""
    drawn = [f"w{number}" for number in random.integers(0, 1 << 40, size + other)]
    return " ".join(drawn[:size]), " ".join([*drawn[: size - other], *drawn[size:]])


@pytest.mark.parametrize("similarity", [0.5, 0.75, 0.8, 0.9])
def test_as_many_pairs_share_a_band_as_the_formula_says(similarity):
    random = np.random.default_rng(0)
    # Of n = size - 4 sequences each, `other` differ: similarity = (n - other) / (n + other).
    size = 404
    other = round(400 * (1 - similarity) / (1 + similarity))
    texts = [text for _ in range(1000) for text in pair(random, size, other)]

    _, found = signed(texts)

    share = (found[::2] == found[1::2]).any(axis=1).mean()
    assert share == pytest.approx(recall((400 - other) / (400 + other)), abs=0.035)


def test_texts_without_a_sequence_in_common_share_nothing():
    random = np.random.default_rng(1)
    _, found = signed([pair(random, 100, 0)[0] for _ in range(2000)])

    assert len(np.unique(found)) == found.size


def test_the_stated_recall():
    assert recall(0.8) == pytest.approx(0.924, abs=0.001)
    assert recall(0.75) == pytest.approx(0.772, abs=0.001)
    assert recall(0.5) < 0.054


def test_a_text_of_fewer_words_than_a_sequence_has_no_bands():
    numbers, found = signed(["one two three four", "one two three four five", ""])

    assert numbers.tolist() == [1]
    assert found.shape == (1, BANDS)


def test_no_text_at_all():
    numbers, found = signed([])

    assert (len(numbers), found.shape) == (0, (0, BANDS))


def test_the_signatures_are_pinned():
    """Whoever changes them raises settings.EDITION, or new documents meet signatures of old."""
    _, found = signed(["the quick brown fox jumps over the lazy dog"])

    assert found[0, :2].tolist() == [12384864577052405097, 13785891391812314510]
