import bz2
import gzip
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.files import open_folder
from workloads.prepare import read as read_module
from workloads.prepare.read import read
from workloads.prepare.rows import Bad
from workloads.prepare.settings import Settings
from workloads.prepare.sources import FileSlice, find_files


def rows(*inputs: str | Path, part_bytes: int = 1 << 20, **options) -> list[str | Bad]:
    """Everything that is read, slice after slice."""
    given_ = find_files([str(one) for one in inputs], part_bytes)
    return [row for piece, _ in given_.slices for row in read(piece, Settings(**options))]


def reasons(found: list[str | Bad]) -> list[str]:
    return [row.reason if isinstance(row, Bad) else "" for row in found]


LINES = st.lists(
    st.one_of(st.text(st.characters(exclude_categories=("Cs",)), max_size=9), st.integers()),
    max_size=12,
)


@settings(deadline=None)
@given(LINES, st.integers(1, 40), st.integers(1, 16), st.booleans())
def test_however_a_file_is_cut_each_line_is_read_once(tmp_path_factory, lines, cut, chunk, ends):
    texts = [json.dumps({"text": line}) for line in lines]
    file = tmp_path_factory.mktemp("x") / "a.jsonl"
    file.write_text("\n".join(texts) + "\n" * ends, newline="")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read_module, "_CHUNK", chunk)
        pieces = rows(file, part_bytes=cut)

    assert pieces == rows(file)
    assert len(pieces) == len(lines)
    data = file.read_bytes()
    for row, line, text in zip(pieces, lines, texts, strict=True):
        if isinstance(row, Bad):
            assert data[row.offset :].startswith(text.encode())
        else:
            assert row == line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "good", "id": 7}', ""),
        (b'{"text": "gr\xc3\xbc\xc3\x9fe \\ud83d\\ude00"}', ""),
        (b'{"text": "gr\xfc\xdfe"}', "invalid UTF-8"),
        (b'{"text": "cut', "not JSON"),
        (b'{"text": "lone \\ud800"}', "not JSON"),
        (b'{"text": "a\\u0000b"}', "NUL"),
        (b'{"text": "a\0b"}', "NUL"),
        (b'["text"]', "not a JSON object"),
        (b'{"body": "x"}', "no text key"),
        (b'{"text": 7}', "not text"),
        (b'{"text": null}', "not text"),
        (b'{"text": " \\n"}', "empty"),
        (b'{"text": "' + b"x" * 300 + b'"}', "too long"),
        (b'\xef\xbb\xbf{"text": "marked"}', "not JSON"),
        (b"\0\0\0", "NUL"),
    ],
)
def test_a_bad_line_is_put_aside_with_its_offset_and_the_next_is_read(tmp_path, line, reason):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "before"}\n\n' + line + b'\n{"text": "after"}')

    found = rows(tmp_path / "a.jsonl", row_bytes=200)

    assert reasons(found) == ["", reason, ""]
    assert (found[0], found[2]) == ("before", "after")
    if reason:
        assert found[1].offset == 20


def test_a_byte_order_mark_is_not_text(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}')
    (tmp_path / "b.txt").write_bytes("\ufeffgrüße".encode())

    assert rows(tmp_path / "a.jsonl", tmp_path / "b.txt") == ["a", "grüße"]


def test_a_line_of_200_megabytes_is_put_aside_in_little_memory(tmp_path):
    file = tmp_path / "a.jsonl"
    with file.open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(200):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n{"text": "after"}\n')

    tracemalloc.start()
    found = rows(file, part_bytes=32 << 20, row_bytes=8 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reasons(found) == ["too long", ""]
    assert found[0].offset == 0
    assert peak < 24 << 20


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "invalid UTF-8"),
        (b"a\0b", "NUL"),
        ("grüße".encode("latin-1"), "invalid UTF-8"),
        (b"cut in a character \xe2\x82", "invalid UTF-8"),
        (b"x" * 201, "too long"),
        (b"x" * 200, ""),
    ],
)
def test_a_text_file_is_one_row(tmp_path, content, reason):
    (tmp_path / "a.txt").write_bytes(content)

    assert reasons(rows(tmp_path / "a.txt", row_bytes=200)) == [reason]


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESSED = {".gz": gzip.compress, ".zst": zstd, ".bz2": bz2.compress}


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_compressed_files_are_read_as_the_plain_one(tmp_path, suffix):
    lines = b"".join(b'{"text": "%d"}\n' % number for number in range(50_000))
    (tmp_path / f"a.jsonl{suffix}").write_bytes(COMPRESSED[suffix](lines))
    (tmp_path / f"b.txt{suffix}").write_bytes(COMPRESSED[suffix](b"text"))

    found = rows(tmp_path, part_bytes=1000)

    assert found == [*(f"{number}" for number in range(50_000)), "text"]


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("keep", [0.0, 0.6, 0.999])
def test_of_a_truncated_stream_the_lines_before_are_read(tmp_path, suffix, keep):
    lines = [b'{"text": "%d"}' % (number * 7919) for number in range(100_000)]
    data = COMPRESSED[suffix](b"\n".join(lines))
    (tmp_path / f"a.jsonl{suffix}").write_bytes(data[: int(len(data) * keep)])
    (tmp_path / f"b.txt{suffix}").write_bytes(data[: int(len(data) * keep)])

    *found, text = rows(tmp_path)

    assert text.reason in ("damaged compression", "empty")
    if keep:
        assert reasons(found) == [""] * (len(found) - 1) + ["damaged compression"]
        assert found[:-1] == [f"{number * 7919}" for number in range(len(found) - 1)]


def test_files_in_s3_are_read_as_those_on_disk(bucket, tmp_path):
    lines = b"".join(b'{"text": "number %d"}\n' % number for number in range(3000))
    there = open_folder(bucket)
    for name, data in {
        "in/a.jsonl": lines, "in/b.jsonl.gz": gzip.compress(lines), "in/c.txt": b"text",
        "in/d.jsonl": b"",
    }.items():  # fmt: skip
        there.write(name, data)
        there_local = tmp_path / Path(name).name
        there_local.write_bytes(data)

    found = rows(f"{bucket}/in", part_bytes=5000)

    assert found == rows(tmp_path, part_bytes=5000)
    assert len(found) == 6001


def test_a_story_slice_tells_its_stories():
    from workloads.prepare.sources import tell_stories
    from workloads.prepare.stories import stories

    given_ = tell_stories(500, 3, part_bytes=100 * 450)

    assert len(given_.slices) == 5
    told = [row for piece, _ in given_.slices for row in read(piece, Settings())]
    assert told == list(stories(500, 3))


def test_an_error_of_the_disk_is_no_bad_row(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}")
    [(piece, _)] = find_files([str(tmp_path / "a.jsonl")], 100).slices
    assert isinstance(piece, FileSlice)
    (tmp_path / "a.jsonl").unlink()

    with pytest.raises(ValueError, match=r"a\.jsonl does not exist"):
        list(read(piece, Settings()))
