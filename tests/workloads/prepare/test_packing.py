import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.prepare import packing
from workloads.prepare.packing import encode, pack, shards
from workloads.prepare.tokenizer import END, train_tokenizer

documents = st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=40), max_size=20)


@given(documents, st.integers(1, 17))
def test_rows_are_the_documents_end_to_end(tokens, length):
    stream = [token for document in tokens for token in document]

    rows = [
        row.tolist()
        for some in pack((np.array(document, dtype=np.uint32) for document in tokens), length)
        for row in some
    ]

    assert len(rows) == max(0, (len(stream) - 1) // length)
    for number, row in enumerate(rows):
        assert row == stream[number * length : (number + 1) * length + 1]


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 7))
def test_shards_hold_all_rows_in_order_and_only_the_last_is_short(sizes, size):
    total = sum(sizes)
    numbered = np.arange(total * 2, dtype=np.uint32).reshape(total, 2)
    blocks = np.split(numbered, np.cumsum(sizes)[:-1]) if sizes else []

    made = list(shards(blocks, size))

    assert [len(shard) for shard in made[:-1]] == [size] * (len(made) - 1)
    assert sum(len(shard) for shard in made) == total
    if made:
        assert np.array_equal(np.concatenate(made), numbered)


def test_a_mark_spelt_in_the_text_is_text():
    tokenizer = train_tokenizer(["a b c"], 300)

    [tokens] = encode(tokenizer, [f"a{END}b"])

    assert tokens[0] == 0
    assert tokens[-1] == 1
    assert not {0, 1} & set(tokens[1:-1].tolist())
    assert tokenizer.decode(tokens[1:-1].tolist()) == f"a{END}b"


@pytest.mark.parametrize("text", ["line one\nline two\nline three\n", "no line break at all", ""])
def test_a_long_document_is_encoded_in_pieces_that_lose_nothing(monkeypatch, text):
    monkeypatch.setattr(packing, "PIECE_CHARACTERS", 10)
    tokenizer = train_tokenizer(["line"], 300)

    [tokens] = encode(tokenizer, [text])

    assert tokenizer.decode(tokens[1:-1].tolist()) == text
