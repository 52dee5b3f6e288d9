import pytest

from workloads.command import InputError
from workloads.files import open_folder
from workloads.prepare.sources import find_files


def found(*inputs: str) -> list[str]:
    return [source["file"] for source in find_files(inputs, 1 << 20).sources]


def make(folder, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_a_folder_stands_for_the_texts_below_it_in_order(tmp_path):
    make(tmp_path, "b.txt", "a.md", "sub/c.TXT", "d.jsonl.gz", "e.parquet", "ignored.png", "f.gz")

    names = [name.removeprefix(f"{tmp_path}/") for name in found(str(tmp_path))]

    assert names == ["a.md", "b.txt", "d.jsonl.gz", "e.parquet", "sub/c.TXT"]


def test_a_file_named_itself_may_end_anyhow_and_order_is_kept(tmp_path):
    make(tmp_path, "z.log", "a")

    assert found(f"{tmp_path}/z.log", f"{tmp_path}/a") == [f"{tmp_path}/z.log", f"{tmp_path}/a"]


def test_a_pattern_stands_for_what_it_matches(tmp_path, monkeypatch):
    make(tmp_path, "in/1.jsonl", "in/2.jsonl", "in/3.txt", "in/sub/4.jsonl", "in/[x].txt")

    assert found(f"{tmp_path}/in/*.jsonl") == [f"{tmp_path}/in/1.jsonl", f"{tmp_path}/in/2.jsonl"]
    assert len(found(f"{tmp_path}/**/*.jsonl")) == 3
    assert found(f"{tmp_path}/in/[x].txt") == [f"{tmp_path}/in/[x].txt"]
    monkeypatch.chdir(tmp_path)
    assert found("in/?.txt") == ["in/3.txt"]


def test_objects_prefixes_and_patterns_in_s3(bucket):
    for name in ("texts/one.txt", "texts/two.txt", "three.log", "texts/four.jsonl"):
        open_folder(bucket).write(name, b"x")

    assert found(f"{bucket}/texts", f"{bucket}/three.log") == [
        f"{bucket}/texts/four.jsonl",
        f"{bucket}/texts/one.txt",
        f"{bucket}/texts/two.txt",
        f"{bucket}/three.log",
    ]
    assert found(f"{bucket}/te*/t*.txt") == [f"{bucket}/texts/two.txt"]


def test_what_changes_when_a_file_does(tmp_path):
    make(tmp_path, "a.txt")
    before = find_files([str(tmp_path / "a.txt")], 10)
    (tmp_path / "a.txt").write_text("A.txt")
    after = find_files([str(tmp_path / "a.txt")], 10)

    assert before.sources[0] | {"sha256": ""} == after.sources[0] | {"sha256": ""}
    assert before.parts(10) != after.parts(10)


def test_small_files_share_a_part_and_large_ones_are_cut(tmp_path):
    for number, size in enumerate((10, 10, 10, 95, 30, 0)):
        (tmp_path / f"{number}.jsonl").write_bytes(b"x" * size)

    parts = find_files([str(tmp_path)], 30).parts(30)

    assert [[(piece.name, piece.start, piece.stop) for piece in part] for part in parts] == [
        [("0.jsonl", 0, 10), ("1.jsonl", 0, 10), ("2.jsonl", 0, 10)],
        [("3.jsonl", 0, 30)],
        [("3.jsonl", 30, 60)],
        [("3.jsonl", 60, 90)],
        [("3.jsonl", 90, 95)],
        [("4.jsonl", 0, 30), ("5.jsonl", 0, 0)],
    ]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("{}/none.txt", r"none\.txt does not exist"),
        ("{}/*.csv", r"\*\.csv matches no file"),
        ("{}", r"holds no file that ends in \.jsonl, .*\.md"),
        ("gs://bucket/x", "neither a folder nor s3://"),
    ],
)
def test_what_is_not_there_is_a_sentence(tmp_path, uri, sentence):
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(InputError, match=sentence):
        find_files([uri.format(tmp_path)], 10)
