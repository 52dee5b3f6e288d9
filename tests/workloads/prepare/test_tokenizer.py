import pytest
from tokenizers import Tokenizer

from workloads.prepare.stories import stories
from workloads.prepare.tokenizer import BEGIN, END, SMALLEST, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(stories(200, seed=0), 400)


@pytest.mark.parametrize(
    "text", ["Mia the fox", "  two  spaces\n\n", "grüße 日本語 🦊", "\r\n\t", "a\u0301\u200d", ""]
)
def test_any_text_comes_back_from_its_tokens(tokenizer, text):
    tokens = tokenizer.encode(text, add_special_tokens=False).ids

    assert tokenizer.decode(tokens, skip_special_tokens=False) == text


def test_a_text_begins_with_the_begin_mark(tokenizer):
    assert tokenizer.encode("fox").tokens[0] == BEGIN
    assert tokenizer.token_to_id(BEGIN) == 0
    assert tokenizer.token_to_id(END) == 1


def test_frequent_words_become_one_token(tokenizer):
    assert tokenizer.get_vocab_size() == 400
    assert len(tokenizer.encode(" story", add_special_tokens=False).ids) == 1


def test_the_smallest_vocabulary_still_spells_everything():
    tokenizer = train_tokenizer(["abc"], SMALLEST)

    assert tokenizer.get_vocab_size() == SMALLEST
    assert tokenizer.decode(tokenizer.encode("日本", add_special_tokens=False).ids) == "日本"


def test_equal_texts_give_a_byte_identical_tokenizer(tokenizer):
    assert train_tokenizer(stories(200, seed=0), 400).to_str() == tokenizer.to_str()
