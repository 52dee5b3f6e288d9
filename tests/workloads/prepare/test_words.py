import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from workloads.prepare import words as words_module
from workloads.prepare.characters import LETTER, NUMBER, SPACE, UNKNOWN, characters, classes
from workloads.prepare.encode import Encoder
from workloads.prepare.stories import stories
from workloads.prepare.tokenizer import END, train_tokenizer
from workloads.prepare.words import WordEncoder, knows, suits

TOKENIZER = train_tokenizer([*stories(100, 0), "it's don't we're I'll you've he'd I'm 1234"], 500)
DIGITS = Tokenizer.from_str(TOKENIZER.to_str())
DIGITS.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
)
# What GPT-2's pattern treats in its own way, and what it might be confused by.
TRICKY = st.text(
    st.sampled_from(
        list("ab'sremdltvS12 \n\t\u00a0\u3000\u2028éß日本กั\u0301٣²½!-–😀\u200d\x1c\x85")
    ),
    max_size=30,
)
TEXTS = st.one_of(TRICKY, st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=20))


def whole(texts: list[str], tokenizer: Tokenizer = TOKENIZER) -> list[list[int]]:
    """What the tokenizer makes of whole texts."""
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [encoding.ids for encoding in encoded]


@settings(deadline=None)
@pytest.mark.parametrize("tokenizer", [TOKENIZER, DIGITS], ids=["GPT-2's", "single digits"])
@given(texts=st.lists(TEXTS, max_size=8))
def test_word_by_word_gives_the_tokens_of_whole_texts(tokenizer, texts):
    encoder = WordEncoder(tokenizer)

    for some in (texts, texts[::-1]):  # the second time from memory
        tokens, lengths = encoder.encode(characters(some))

        expected = whole(some, tokenizer)
        assert tokens.tolist() == [token for ids in expected for token in ids]
        assert lengths.tolist() == [len(ids) for ids in expected]


def test_stories_word_by_word(monkeypatch):
    texts = list(stories(300, 1))
    encoder = WordEncoder(TOKENIZER)
    monkeypatch.setattr(words_module, "MOST_WORDS", 50)  # so that it forgets in between

    for start in range(0, 300, 100):
        some = texts[start : start + 100]
        tokens, _ = encoder.encode(characters(some))
        assert tokens.tolist() == [token for ids in whole(some) for token in ids]


def test_every_character_is_of_the_class_that_the_pre_tokenizer_has_it_in():
    """Beside one of its class a character stays in the word; white space stays with none."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    table = classes()
    wrong = []
    for code in (*range(0xD800), *range(0xE000, 0x33500), *range(0xE0000, 0xE0200)):
        flags = table[code]
        if flags & UNKNOWN:
            continue
        beside = "a" if flags & LETTER else "1" if flags & NUMBER else "!"
        together = len(split(beside + chr(code))) == 1
        if together == bool(flags & SPACE):
            wrong.append(f"U+{code:04X} {unicodedata.name(chr(code), '')}")
    assert not wrong


def test_a_character_that_unicode_has_not_assigned_is_left_to_the_tokenizer():
    texts = ["plain text", "not \U0003fffd assigned"]

    assert not knows(characters(texts))
    tokens = Encoder(TOKENIZER, (0, 1)).encode(texts).tolist()

    assert tokens == [token for ids in whole(texts) for token in (0, *ids, 1)]


@pytest.mark.parametrize(
    ("name", "normalizer", "pre_tokenizer", "expected"),
    [
        ("ours", None, pre_tokenizers.ByteLevel(add_prefix_space=False), True),
        ("a blank in front", None, pre_tokenizers.ByteLevel(add_prefix_space=True), False),
        ("no pattern", None, pre_tokenizers.ByteLevel(False, use_regex=False), False),
        ("other words", None, pre_tokenizers.Whitespace(), False),
        ("none", None, None, False),
        ("single digits", None, DIGITS.pre_tokenizer, True),
        (
            "digits",
            None,
            pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel(False)]),
            False,
        ),
        ("normalised", normalizers.NFC(), pre_tokenizers.ByteLevel(False), False),
    ],
)
def test_only_a_tokenizer_that_suits_is_used_word_by_word(
    name, normalizer, pre_tokenizer, expected
):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer

    assert suits(tokenizer) is expected


def test_a_mark_spelt_in_the_text_is_text():
    tokens = Encoder(TOKENIZER, (0, 1)).encode([f"a{END}b"])

    assert (tokens[0], tokens[-1]) == (0, 1)
    assert not {0, 1} & set(tokens[1:-1].tolist())
    assert TOKENIZER.decode(tokens[1:-1].tolist()) == f"a{END}b"


@pytest.mark.parametrize("text", ["line one\nline two\nline three\n", "no line break at all", ""])
def test_a_long_document_is_encoded_in_pieces_that_lose_nothing(monkeypatch, text):
    monkeypatch.setattr("workloads.prepare.batches.CHARACTERS", 10)

    tokens = Encoder(TOKENIZER, (0, 1)).encode([text, "next"])

    ends = np.flatnonzero(tokens == 1)
    assert TOKENIZER.decode(tokens[1 : ends[0]].tolist()) == text
    assert TOKENIZER.decode(tokens[ends[0] + 2 : -1].tolist()) == "next"
