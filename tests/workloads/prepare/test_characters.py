import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.prepare.characters import characters, words
from workloads.prepare.hashing import grams, pieces


def spelt(texts: list[str]) -> list[list[str]]:
    """The words of each text, as they are written."""
    looked = characters(texts)
    found = words(looked)
    joined = "".join(texts)
    return [
        [joined[a:b] for a, b in zip(found.starts[i:j], found.ends[i:j], strict=True)]
        for i, j in zip(found.bounds[:-1], found.bounds[1:], strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two words.", ["Two", "words"]),
        ("it's 3.5 €", ["it", "s", "3", "5"]),
        ("naïve cafe\u0301", ["naïve", "cafe\u0301"]),
        ("日本語です", ["日", "本", "語", "で", "す"]),
        ("GPU計算mode", ["GPU", "計", "算", "mode"]),
        ("กั้น", ["กั้", "น"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("", []),
        (" \n…", []),
    ],
)
def test_words_of_many_scripts(text, expected):
    assert spelt([text]) == [expected]


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6))
def test_each_text_has_its_own_words(texts):
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]

    assert spelt(texts) == [spelt([text])[0] for text in texts]


@settings(deadline=None)
@given(st.lists(st.text("ab\u65e5", max_size=3), min_size=1, max_size=30))
def test_pieces_have_one_hash_exactly_if_they_are_equal(texts):
    looked = characters(texts)
    hashes = pieces(looked.codes, looked.starts[:-1], looked.starts[1:])

    assert len(set(hashes.tolist())) == len(set(texts))
    assert len({(text, hash_) for text, hash_ in zip(texts, hashes.tolist(), strict=True)}) == len(
        set(texts)
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), max_size=20), st.integers(1, 6))
def test_grams_are_the_neighbours_in_order(values, size):
    looked = characters([chr(97 + value) for value in values])
    hashes = grams(pieces(looked.codes, looked.starts[:-1], looked.starts[1:]), size)

    expected = [tuple(values[i : i + size]) for i in range(len(values) - size + 1)]
    assert len(hashes) == len(expected)
    assert len(set(zip(expected, hashes.tolist(), strict=True))) == len(set(expected))
