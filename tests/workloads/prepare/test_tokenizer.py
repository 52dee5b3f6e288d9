import json

import pytest
from tokenizers import Tokenizer

from workloads.command import InputError
from workloads.files import open_folder
from workloads.prepare.__main__ import main
from workloads.prepare.stories import stories
from workloads.prepare.tokenizer import BEGIN, END, SMALLEST, read_tokenizer, train_tokenizer


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


def given(folder, tokenizer: Tokenizer, **config) -> str:
    """A folder with a tokenizer as Hugging Face has them."""
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.mark.parametrize(
    ("config", "marks"),
    [
        ({}, (BEGIN, END)),
        ({"bos_token": "story", "eos_token": END}, ("story", END)),
        ({"bos_token": None, "eos_token": END}, (END, END)),
        ({"eos_token": {"content": END, "special": True}}, (END, END)),
    ],
)
def test_a_given_tokenizer_says_how_documents_begin_and_end(tmp_path, tokenizer, config, marks):
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.add_tokens(["story"])
    uri = given(tmp_path / "t", tokenizer, **config)

    for place in (uri, f"{uri}/tokenizer.json"):
        rules, names = read_tokenizer(place)
        assert names == marks
        assert Tokenizer.from_str(rules).get_vocab_size() == tokenizer.get_vocab_size()


def test_a_given_tokenizer_is_the_data_sets_own(tmp_path, tokenizer, bucket):
    uri = given(tmp_path / "t", tokenizer)
    open_folder(f"{bucket}/t").upload(tmp_path / "t" / "tokenizer.json", "tokenizer.json")

    for number, place in enumerate((uri, f"{bucket}/t")):
        out = tmp_path / f"{number}"
        options = ["--stories", "50", "--out", str(out), "--sequence-length", "32"]
        assert main([*options, "--tokenizer", place]) == 0
        manifest = json.loads((out / "manifest.json").read_text())
        assert manifest["settings"]["tokenizer"] == "given"
        assert manifest["vocabulary"] == tokenizer.get_vocab_size()
        made = Tokenizer.from_file(str(out / "tokenizer.json"))
        assert made.to_str() == tokenizer.to_str()


@pytest.mark.parametrize(
    ("config", "rules", "sentence"),
    [
        ({}, "{}", "is no tokenizer of the tokenizers library"),
        ({}, "text", "is no tokenizer of the tokenizers library"),
        ({"eos_token": "</s>"}, None, "has no token '</s>' to end a document with"),
        ({"eos_token": None}, None, "has no token None to end a document with"),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_a_sentence(
    tmp_path, tokenizer, config, rules, sentence
):
    uri = given(tmp_path / "t", tokenizer, **config)
    if rules is not None:
        (tmp_path / "t" / "tokenizer.json").write_text(rules)

    with pytest.raises(InputError, match=sentence):
        read_tokenizer(uri)
