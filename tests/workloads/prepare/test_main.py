import json

import pytest

from workloads.prepare.__main__ import main


def test_text_files_become_a_data_set(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("The fox and the bear. " * 50)
    (tmp_path / "b.txt").write_text("日本語の文章。" * 50)
    out = tmp_path / "out"

    code = main(
        ["--input", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--out", str(out),
         "--vocabulary", "300", "--sequence-length", "16"]
    )  # fmt: skip

    manifest = json.loads((out / "manifest.json").read_text())
    printed = capsys.readouterr()
    assert code == 0
    assert manifest["documents"] == 2
    assert [source["file"] for source in manifest["sources"]] == [
        str(tmp_path / "a.txt"),
        str(tmp_path / "b.txt"),
    ]
    assert manifest["sources"][0]["bytes"] == 50 * 22
    assert "2 documents" in printed.out
    assert "wrote tokens-00000.bin" in printed.err


def test_a_data_set_in_s3_is_the_one_in_a_folder(bucket, tmp_path):
    from workloads.files import open_folder

    options = ["--stories", "20", "--vocabulary", "300", "--sequence-length", "32"]
    assert main([*options, "--out", str(tmp_path)]) == 0
    assert main([*options, "--out", f"{bucket}/tokens"]) == 0

    there = open_folder(f"{bucket}/tokens")
    assert {name: there.read(name) for name in there.names()} == {
        file.name: file.read_bytes() for file in tmp_path.iterdir()
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "one of the arguments --input --stories is required"),
        (["--stories", "0"], "0 is too small: at least 1"),
        (["--stories", "many"], "'many' is not a whole number"),
        (["--stories", "5", "--input", "x"], "not allowed with argument"),
        (["--stories", "5", "--vocabulary", "100"], "100 is too small: at least 258"),
        (["--stories", "5", "--sequence-length", "1"], "1 is too small"),
        (["--input", "/no/such/file.txt"], "/no/such/file.txt does not exist"),
        (["--input", "/proc/version", "--out", "gs://x"], "neither a folder nor s3://"),
        (["--stories", "5", "--out", "/proc/x"], "/proc/x"),
    ],
)
def test_a_mistake_ends_with_one_sentence(tmp_path, capsys, options, sentence):
    code = main(["--out", str(tmp_path / "out"), *options])

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("prepare:")]
    assert code == 2
    assert len(errors) == 1
    assert sentence in errors[0]
    assert not (tmp_path / "out").exists()
