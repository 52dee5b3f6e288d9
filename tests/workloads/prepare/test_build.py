import hashlib
import json
from random import Random
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from workloads.command import InputError
from workloads.dataset import Dataset, read_dataset, verify
from workloads.files import open_folder
from workloads.prepare.build import WORK, prepare
from workloads.prepare.executor import Executor
from workloads.prepare.settings import STEPS, Settings
from workloads.prepare.sources import Input, find_files, tell_stories
from workloads.prepare.stories import stories, story

SMALL = {"vocabulary": 300, "sequence_length": 64}


def made(given_: Input, folder, **options) -> Dataset:
    """The data set in `folder`."""
    out = open_folder(str(folder))
    with Executor(out.folder(WORK).uri) as executor:
        return prepare(given_, out, Settings(**SMALL | options), executor)


def told(count: int = 50, seed: int = 1, noisy: bool = False) -> Input:
    return tell_stories(count, seed, 1 << 20, noisy=noisy)


def lines(folder, *rows: object) -> Input:
    """JSON lines of these texts, or of what they are given as bytes."""
    encoded = (
        row if isinstance(row, bytes) else json.dumps({"text": row}).encode() for row in rows
    )
    (folder / "in.jsonl").write_bytes(b"\n".join(encoded))
    return find_files([str(folder / "in.jsonl")], 5000)


def test_the_manifest_tells_what_is_there(tmp_path):
    dataset = made(told(), tmp_path, shard_bytes=10_000)

    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert read_dataset(open_folder(str(tmp_path))) == dataset
    assert len(dataset.shards) > 2
    for shard in manifest["shards"]:
        data = (tmp_path / shard["file"]).read_bytes()
        assert len(data) == shard["bytes"] == shard["sequences"] * 65 * 2
        assert hashlib.sha256(data).hexdigest() == shard["sha256"]
    assert manifest["documents"] == manifest["counts"]["kept"] == 50
    assert manifest["sequences"] == (manifest["tokens"] - 1) // 64
    assert manifest["sources"] == [{"stories": 50, "seed": 1}]
    assert manifest["settings"]["edition"] == 1
    assert manifest["versions"].keys() == {"numpy", "orjson", "pyarrow", "tokenizers"}
    verify(dataset, tmp_path)


def test_the_shards_are_the_text(tmp_path):
    dataset = made(told(20), tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))

    [shard] = dataset.shards
    rows = np.frombuffer((tmp_path / shard.file).read_bytes(), dtype="<u2")
    stream = rows.reshape(-1, 65)[:, :-1].flatten()

    ends = np.flatnonzero(stream == dataset.end_token)
    starts = np.concatenate(([0], ends[:-1] + 1))
    assert (stream[starts] == dataset.begin_token).all()
    texts = [tokenizer.decode(stream[a + 1 : b]) for a, b in zip(starts, ends, strict=True)]
    assert texts == [story(1, number) for number in range(len(ends))]
    assert len(ends) >= 19


def test_a_token_takes_four_bytes_once_there_are_more_than_two_can_number(tmp_path):
    random = Random(0)
    words = " ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in range(33_000))

    dataset = made(lines(tmp_path, words), tmp_path, vocabulary=70_000, skip=STEPS)

    [shard] = dataset.shards
    rows = np.frombuffer((tmp_path / shard.file).read_bytes(), dtype="<u4").reshape(-1, 65)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert dataset.vocabulary > 1 << 16
    assert dataset.dtype == "uint32"
    assert rows.max() > 1 << 16
    assert words.startswith(tokenizer.decode(rows[0][1:].tolist()))


STORIES = list(stories(12, 0))
ROWS = st.lists(
    st.one_of(
        st.sampled_from(STORIES),
        st.sampled_from(STORIES).map(lambda text: text.replace("e", "e ", 1)),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
        st.sampled_from([b"{}", b'{"text": 5}', b"[", b'"\xff"', b"\0", b"", b'{"text": "\xff"}']),
    ),
    max_size=15,
)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.sets(st.sampled_from(STEPS)))
def test_rows_read_are_kept_or_filtered_or_duplicates_or_quarantined(tmp_path_factory, rows, skip):
    folder = tmp_path_factory.mktemp("x")
    # One that is always kept, so that there is a data set.
    given_ = lines(folder, "The last story is unlike them. " + story(99, 1), *rows)

    counts = made(given_, folder, skip=tuple(sorted(skip))).counts

    lost = [sum(counts[what].values()) for what in ("duplicates", "filtered", "quarantined")]
    assert counts["rows"] == counts["kept"] + sum(lost)
    assert counts["rows"] == 1 + sum(row != b"" for row in rows)
    texts = [row for row in rows if isinstance(row, str)]
    assert lost[2] == sum(isinstance(row, bytes) and row != b"" for row in rows) + sum(
        not text.strip() or "\0" in text for text in texts
    )
    put_aside = folder / "quarantine.jsonl"
    records = put_aside.read_text().splitlines() if put_aside.exists() else []
    assert sum(json.loads(record)["rows"] for record in records) == lost[2]
    assert sum(counts["lengths_read"].values()) == counts["rows"] - lost[2]
    if "quality" in skip:
        assert lost[1] == 0
    if {"duplicates", "near-duplicates"} <= skip:
        assert lost[0] == 0


def test_what_is_quarantined_can_be_found(tmp_path):
    bad = [b'{"text": 5}', b'{"text": "\xff"}', b"{"]
    given_ = lines(tmp_path, STORIES[0], bad[0], STORIES[1], bad[1], bad[2])

    made(given_, tmp_path)

    data = (tmp_path / "in.jsonl").read_bytes()
    records = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").open()]
    assert [record["reason"] for record in records] == ["not text", "invalid UTF-8", "not JSON"]
    for record, row in zip(records, bad, strict=True):
        assert record["file"] == str(tmp_path / "in.jsonl")
        assert record["unit"] == "byte"
        assert data[record["offset"] :].startswith(row)


def test_of_a_group_the_first_document_stays(tmp_path):
    told_, other = STORIES[0], STORIES[1]
    near = told_ + " And so it was."

    dataset = made(lines(tmp_path, told_, other, near, told_, f" {told_}\r\n"), tmp_path)

    assert dataset.counts["duplicates"] == {"exact": 2, "near": 1}
    assert dataset.documents == 2


def test_documents_differ_though_their_personal_data_do_not_remain(tmp_path):
    rows = [f"{STORIES[0]} Write to {name}@example.org." for name in ("ann", "bob")]

    dataset = made(lines(tmp_path, *rows, STORIES[1]), tmp_path)

    assert dataset.counts["personal"] == {"e-mail": 2}
    assert dataset.counts["duplicates"]["exact"] == 1


def test_what_an_earlier_preparation_left_goes(tmp_path):
    made(told(50), tmp_path, shard_bytes=5_000)
    (tmp_path / "notes.txt").write_text("the user's own")

    dataset = made(told(10), tmp_path)

    names = [file.name for file in tmp_path.iterdir() if file.name.startswith("tokens-")]
    assert names == [shard.file for shard in dataset.shards]
    assert (tmp_path / "notes.txt").exists()
    verify(dataset, tmp_path)


def test_going_back_to_earlier_settings_makes_the_shards_again(tmp_path):
    first = made(told(), tmp_path)
    made(told(), tmp_path, sequence_length=32)

    again = made(told(), tmp_path)

    assert again == first
    verify(again, tmp_path)


@pytest.mark.parametrize("harm", ["shard gone", "shard changed", "tokenizer changed"])
def test_preparing_again_repairs_a_data_set(tmp_path, harm):
    dataset = made(told(), tmp_path)
    file = tmp_path / (dataset.shards[0].file if "shard" in harm else "tokenizer.json")
    if harm.endswith("gone"):
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"x")

    assert made(told(), tmp_path) == dataset
    verify(dataset, tmp_path)


def test_no_quarantine_is_left_of_an_earlier_preparation(tmp_path):
    made(lines(tmp_path, *STORIES, b"{"), tmp_path / "out")
    assert (tmp_path / "out" / "quarantine.jsonl").exists()

    made(lines(tmp_path, *STORIES), tmp_path / "out")

    assert not (tmp_path / "out" / "quarantine.jsonl").exists()


def test_other_settings_do_again_only_what_depends_on_them(tmp_path):
    out = open_folder(str(tmp_path / "out"))
    ran = []
    for length in (64, 64, 32):
        with Executor(out.folder(WORK).uri) as executor:
            prepare(told(), out, Settings(vocabulary=300, sequence_length=length), executor)
        ran.append([phase.name for phase in executor.phases if phase.ran])

    assert ran == [["clean", "match", "merge", "tokenizer", "encode", "pack"], [], ["pack"]]


def test_another_file_is_all_that_is_cleaned_again(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.jsonl").write_text(
            "\n".join(json.dumps({"text": text}) for text in stories(40, seed))
        )
    out = open_folder(str(tmp_path / "out"))
    ran = []
    for inputs in (["a"], ["a", "b"]):
        given_ = find_files([str(tmp_path / f"{name}.jsonl") for name in inputs], 10_000)
        with Executor(out.folder(WORK).uri) as executor:
            prepare(given_, out, Settings(**SMALL, part_bytes=10_000), executor)
        ran.append(next((phase.ran, phase.tasks) for phase in executor.phases))

    assert ran == [(2, 2), (2, 4)]


def test_too_little_text_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"only \d+ tokens, less than one sequence of 4096"):
        made(told(1), tmp_path / "out", sequence_length=4096)

    assert not (tmp_path / "out" / "manifest.json").exists()


def test_when_nothing_is_left_the_sentence_tells_why(tmp_path):
    with pytest.raises(InputError) as caught:
        made(lines(tmp_path, "short", "short too", b"{"), tmp_path / "out")

    assert str(caught.value) == (
        "no document is left: of 3 rows 1 quarantined (not JSON); 2 filtered (fewer than 50 words)"
    )


def test_a_failed_preparation_leaves_the_earlier_data_set_as_it_was(tmp_path):
    dataset = made(told(), tmp_path / "out")

    with pytest.raises(InputError):
        made(lines(tmp_path, "short"), tmp_path / "out")

    assert read_dataset(open_folder(str(tmp_path / "out"))) == dataset
    verify(dataset, tmp_path / "out")


def test_a_tokenizer_is_learnt_from_a_sample_that_is_always_the_same(tmp_path):
    whole = made(told(400), tmp_path / "whole")
    few = made(told(400), tmp_path / "few", sample_bytes=20_000)
    again = made(told(400), tmp_path / "again", sample_bytes=20_000)

    assert few.tokenizer_sha256 == again.tokenizer_sha256 != whole.tokenizer_sha256
    assert few.vocabulary == 300


@pytest.mark.parametrize("name", ["shard", "tokenizer.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_data_set_with_a_damaged_file_is_not_used(tmp_path, name, harm):
    dataset = made(told(10), tmp_path)
    file = tmp_path / (dataset.shards[0].file if name == "shard" else name)
    data = bytearray(file.read_bytes())
    match harm:
        case "flip":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        case "cut":
            file.write_bytes(data[:-1])
        case "remove":
            file.unlink()

    with pytest.raises(InputError, match=f"{file.name} is not the file its manifest names"):
        verify(dataset, tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not JSON", '{"shards": [{}]}', '{"shards": 1}'])
def test_a_manifest_that_is_none_is_a_sentence(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(InputError, match=r"manifest\.json is not a data set's manifest"):
        read_dataset(open_folder(str(tmp_path)))
