import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from workloads.command import InputError
from workloads.prepare.stories import stories
from workloads.prepare.tokenizer import BEGIN, END, train_tokenizer
from workloads.serve.text import TextStream, token_bytes

TOKENIZER = train_tokenizer(stories(100, seed=0), 400)
TABLE = token_bytes(TOKENIZER)
BYTES = {data: token for token, data in enumerate(TABLE) if len(data) == 1}


def spelt(text: str) -> list[int]:
    """A text in tokens of one byte each: the worst case for characters of several."""
    return [BYTES[bytes([byte])] for byte in text.encode()]


def pieces(tokens: list[int], *stop: str) -> list[str]:
    stream = TextStream(TABLE, stop)
    given = [stream.push(token) for token in tokens]
    return [*given, stream.finish()]


def test_every_byte_has_its_token_and_marks_have_no_text():
    assert {data for data in TABLE if len(data) == 1} == {bytes([byte]) for byte in range(256)}
    assert TABLE[TOKENIZER.token_to_id(BEGIN)] == TABLE[TOKENIZER.token_to_id(END)] == b""


@given(st.text())
def test_the_tokens_of_a_text_give_the_text(text):
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids

    assert b"".join(TABLE[token] for token in tokens) == text.encode()
    assert "".join(pieces(tokens)) == text
    assert "".join(pieces(spelt(text))) == text


@pytest.mark.parametrize("text", ["日", "é", "🦊", "👩‍🚀", "a\u0301", "\u200b", "\0"])
def test_a_character_comes_whole_or_not_at_all(text):
    given = pieces(spelt(f"<{text}>"))

    assert all(not piece or piece in f"<{text}>" for piece in given)
    assert "\ufffd" not in "".join(given)
    assert "".join(given) == f"<{text}>"


@given(st.lists(st.integers(0, 399), max_size=60))
def test_tokens_of_no_text_give_text_all_the_same(tokens):
    data = b"".join(TABLE[token] for token in tokens)

    given = "".join(pieces(tokens))

    given.encode()
    # what is left in the middle of a character is dropped, all else is as Python decodes it
    assert (
        data.decode(errors="replace")
        .removesuffix("\ufffd")
        .startswith(given.removesuffix("\ufffd"))
    )
    assert len(data.decode(errors="replace")) - len(given) in (0, 1)


@pytest.mark.parametrize(
    ("text", "stop", "left"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("three", "two"), "one "),
        ("aaab", ("aab",), "a"),
        ("ababac", ("abac",), "ab"),
        ("no such thing", ("thong", "x"), "no such thing"),
        ("ends with sto", ("stop",), "ends with sto"),
        ("日本語", ("本",), "日"),
        ("two\n\nlines", ("\n\n",), "two"),
        ("anything", ("",), "anything"),
    ],
)
def test_nothing_of_a_stop_string_or_after_it_is_given(text, stop, left):
    assert "".join(pieces(spelt(text), *stop)) == left


def test_text_that_cannot_begin_a_stop_string_is_not_held_back():
    stream = TextStream(TABLE, ["END"])

    assert [stream.push(token) for token in spelt("a ENx EN")] == [
        "a", " ", "", "", "ENx", " ", "", "",
    ]  # fmt: skip
    assert stream.finish() == "EN"


@given(st.text("abc", max_size=30), st.text("abc", min_size=1, max_size=4))
def test_the_stop_string_found_is_the_first_one(text, stop):
    assert "".join(pieces(spelt(text), stop)) == text.partition(stop)[0]


def test_another_kind_of_tokenizer_is_refused():
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()

    with pytest.raises(InputError, match="not byte-level"):
        token_bytes(tokenizer)


def test_a_byte_level_decoder_among_others_will_do():
    described = json.loads(TOKENIZER.to_str())
    described["decoder"] = {"type": "Sequence", "decoders": [described["decoder"]]}

    assert token_bytes(Tokenizer.from_str(json.dumps(described))) == TABLE
    assert isinstance(TOKENIZER.decoder, decoders.ByteLevel)
