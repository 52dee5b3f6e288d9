import hashlib
import json
from random import Random
from string import ascii_lowercase

import numpy as np
import pytest
from tokenizers import Tokenizer

from workloads.command import InputError
from workloads.dataset import read_dataset, verify
from workloads.files import open_folder
from workloads.prepare.build import prepare
from workloads.prepare.stories import story
from workloads.prepare.text import Text, tell_stories

SIZES = {"vocabulary": 300, "sequence_length": 64}


def contents(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_preparing_again_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        prepare(tell_stories(50, seed=1), open_folder(str(tmp_path / name)), **SIZES)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_manifest_tells_what_is_there(tmp_path):
    out = open_folder(str(tmp_path))

    made = prepare(tell_stories(50, seed=1), out, shard_bytes=10_000, **SIZES)

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert read_dataset(out) == made
    assert len(made.shards) > 2
    for shard in manifest["shards"]:
        data = (tmp_path / shard["file"]).read_bytes()
        assert len(data) == shard["bytes"] == shard["sequences"] * 65 * 2
        assert hashlib.sha256(data).hexdigest() == shard["sha256"]
    assert manifest["documents"] == 50
    assert manifest["sequences"] == (manifest["tokens"] - 1) // 64
    assert manifest["sources"][0] | {"sha256": "", "bytes": 0} == {
        "stories": 50,
        "seed": 1,
        "bytes": 0,
        "sha256": "",
    }


def test_the_shards_are_the_text(tmp_path):
    made = prepare(tell_stories(20, seed=1), open_folder(str(tmp_path)), **SIZES)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))

    rows = np.frombuffer((tmp_path / "tokens-00000.bin").read_bytes(), dtype="<u2")
    stream = rows.reshape(-1, 65)[:, :-1].flatten().tolist()

    assert stream[0] == made.begin_token
    end = stream.index(made.end_token)
    assert tokenizer.decode(stream[1:end]) == story(1, 0)
    assert stream[end + 1] == made.begin_token


def test_a_token_takes_four_bytes_once_there_are_more_than_two_can_number(tmp_path):
    random = Random(0)
    words = " ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in range(40_000))
    text = Text(documents=lambda: iter([words]), sources=())

    made = prepare(text, open_folder(str(tmp_path)), vocabulary=70_000, sequence_length=8)

    rows = np.frombuffer((tmp_path / "tokens-00000.bin").read_bytes(), dtype="<u4").reshape(-1, 9)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert made.vocabulary > 1 << 16
    assert made.dtype == "uint32"
    assert rows.max() > 1 << 16
    assert words.startswith(tokenizer.decode(rows[0][1:].tolist()))


def test_what_an_earlier_preparation_left_goes(tmp_path):
    out = open_folder(str(tmp_path))
    prepare(tell_stories(50, seed=1), out, shard_bytes=5_000, **SIZES)
    (tmp_path / "notes.txt").write_text("the user's own")

    made = prepare(tell_stories(10, seed=1), out, **SIZES)

    assert out.names() == ["manifest.json", "notes.txt", "tokenizer.json", "tokens-00000.bin"]
    verify(made, tmp_path)


def test_too_little_text_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match=r"only \d+ tokens, less than one sequence of 4096"):
        prepare(
            tell_stories(1, seed=1),
            open_folder(str(tmp_path / "out")),
            vocabulary=300,
            sequence_length=4096,
        )

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["tokens-00000.bin", "tokenizer.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_data_set_with_a_damaged_file_is_not_used(tmp_path, name, harm):
    made = prepare(tell_stories(10, seed=1), open_folder(str(tmp_path)), **SIZES)
    file = tmp_path / name
    data = bytearray(file.read_bytes())
    match harm:
        case "flip":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        case "cut":
            file.write_bytes(data[:-1])
        case "remove":
            file.unlink()

    with pytest.raises(InputError, match=f"{name} is not the file its manifest names"):
        verify(made, tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not JSON", '{"shards": [{}]}', '{"shards": 1}'])
def test_a_manifest_that_is_none_is_a_sentence(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(InputError, match=r"manifest\.json is not a data set's manifest"):
        read_dataset(open_folder(str(tmp_path)))
