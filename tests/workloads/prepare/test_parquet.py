import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workloads.files import open_folder
from workloads.prepare.read import read
from workloads.prepare.rows import Bad
from workloads.prepare.settings import Settings
from workloads.prepare.sources import find_files

TEXTS = [f"text {number} {number * 7919}" for number in range(3000)]


def rows(uri: str, *, part_bytes: int = 1 << 20, **options) -> list[str | Bad]:
    slices = find_files([uri], part_bytes).slices
    return [row for piece, _ in slices for row in read(piece, Settings(**options))]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"id": range(3000), "text": TEXTS})
    pq.write_table(table, path, row_group_size=500, use_dictionary=False)
    return path


@pytest.mark.parametrize("part_bytes", [1, 30_000, 1 << 20])
def test_row_groups_are_read_once_however_the_file_is_cut(file, part_bytes):
    assert rows(str(file), part_bytes=part_bytes) == TEXTS


def test_a_large_file_is_cut_at_row_groups(file):
    slices = [piece for piece, _ in find_files([str(file)], 1).slices]

    assert [(piece.start, piece.stop) for piece in slices] == [(i, i + 1) for i in range(6)]


def test_parquet_in_s3_is_read_by_ranges(bucket, file):
    open_folder(bucket).write("in/a.parquet", file.read_bytes())

    assert rows(f"{bucket}/in/a.parquet", part_bytes=30_000) == TEXTS


@pytest.mark.parametrize("keep", [0, 3, 1000, 50_000])
def test_a_truncated_file_is_one_row_in_quarantine(file, keep):
    file.write_bytes(file.read_bytes()[:keep])

    [row] = rows(str(file))

    assert (row.reason, row.rows, row.offset) == ("unreadable Parquet", 1, 0)


def test_a_damaged_row_group_loses_its_rows_and_no_others(file):
    group = pq.ParquetFile(file).metadata.row_group(2).column(1)
    data = bytearray(file.read_bytes())
    start = group.data_page_offset
    data[start : start + group.total_compressed_size] = b"\xff" * group.total_compressed_size
    file.write_bytes(data)

    found = rows(str(file))

    bad = [row for row in found if isinstance(row, Bad)]
    assert [row.reason for row in bad] == ["unreadable Parquet"]
    assert (bad[0].offset, bad[0].rows) == (1000, 500)
    assert [row for row in found if isinstance(row, str)] == TEXTS[:1000] + TEXTS[1500:]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None, "b"]), ["a", "not text", "b"]),
        (pa.array([b"a", b"\xff", b"b\0"], pa.binary()), ["a", "invalid UTF-8", "NUL"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a", "", "x" * 201], pa.large_string()), ["a", "empty", "too long"]),
    ],
    ids=["null", "bytes", "dictionary", "lengths"],
)
def test_bad_rows_are_put_aside_by_number(tmp_path, column, expected):
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")

    found = rows(str(tmp_path / "a.parquet"), row_bytes=200)

    assert [row.reason if isinstance(row, Bad) else row for row in found] == expected
    for number, row in enumerate(found):
        assert not isinstance(row, Bad) or row.offset == number


@pytest.mark.parametrize(
    ("table", "reason"),
    [({"body": ["a", "b"]}, "no text key"), ({"text": [1, 2]}, "not text"),
     ({"text": [["a"], ["b"]]}, "not text")],
)  # fmt: skip
def test_a_file_without_a_column_of_text_is_put_aside_whole(tmp_path, table, reason):
    pq.write_table(pa.table(table), tmp_path / "a.parquet")

    [row] = rows(str(tmp_path / "a.parquet"))

    assert (row.reason, row.rows) == (reason, 2)


def test_a_string_column_with_invalid_bytes_is_no_crash(tmp_path):
    wrong = pa.array([b"fine", b"\xff\xfe", b"fine too"]).view(pa.string())
    pq.write_table(pa.table({"text": wrong}), tmp_path / "a.parquet")

    found = rows(str(tmp_path / "a.parquet"))

    assert (found[0], found[1].reason, found[2]) == ("fine", "invalid UTF-8", "fine too")
