import json

from workloads.prepare import quarantine as module
from workloads.prepare.quarantine import Quarantine
from workloads.prepare.rows import Bad
from workloads.prepare.sources import FileSlice, StorySlice

FILE = FileSlice(
    folder="s3://bucket/in", name="a.parquet", version="", format="parquet", compression=None,
    start=0, stop=1,
)  # fmt: skip


def test_a_record_tells_where_and_why():
    found = Quarantine()
    found.put(FILE, Bad(7, "not text", rows=2, detail="null"))
    found.put(StorySlice(seed=3, noisy=True, start=0, stop=9), Bad(8, "NUL"))

    assert [json.loads(line) for line in found.lines().splitlines()] == [
        {"file": "s3://bucket/in/a.parquet", "unit": "row", "offset": 7, "rows": 2,
         "reason": "not text", "detail": "null"},
        {"file": "stories of seed 3", "unit": "story", "offset": 8, "rows": 1, "reason": "NUL"},
    ]  # fmt: skip
    assert found.rows == {"not text": 2, "NUL": 1}


def test_of_very_many_all_are_counted_and_not_all_recorded(monkeypatch):
    monkeypatch.setattr(module, "MOST_RECORDS", 3)
    found = Quarantine()
    for number in range(10):
        found.put(FILE, Bad(number, "NUL"))

    records = [json.loads(line) for line in found.lines().splitlines()]
    assert [record["rows"] for record in records] == [1, 1, 1, 7]
    assert records[-1]["offset"] == 3
    assert records[-1]["reason"] == "all others from here on"
    assert found.rows == {"NUL": 10}


def test_nothing_bad():
    assert Quarantine().lines() == b""
