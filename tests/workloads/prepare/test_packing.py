import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.files import open_folder
from workloads.prepare.layout import TOKENS
from workloads.prepare.packing import cuts, pack


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 9), st.integers(1, 7))
def test_shards_are_the_parts_end_to_end(counts, length, sequences):
    stream = np.arange(sum(counts))
    parts = np.split(stream, np.cumsum(counts)[:-1]) if counts else []

    made = cuts(counts, length, sequences)

    rows = max(0, (len(stream) - 1) // length)
    assert [cut.sequences for cut in made[:-1]] == [sequences] * (len(made) - 1)
    assert sum(cut.sequences for cut in made) == rows
    for number, cut in enumerate(made):
        tokens = np.concatenate([parts[part][a:b] for part, a, b in cut.spans])
        first = number * sequences * length
        assert tokens.tolist() == list(range(first, first + cut.sequences * length + 1))
        assert all(a < b for _, a, b in cut.spans)


def test_a_shard_is_rows_whose_last_token_begins_the_next(tmp_path):
    work = open_folder(str(tmp_path / "work"))
    work.write(f"a{TOKENS}", np.arange(0, 10, dtype="<u2").tobytes())
    work.write(f"b{TOKENS}", np.arange(10, 30, dtype="<u2").tobytes())

    tally = pack(work, "p", [("a", 4, 10), ("b", 0, 7)], 4, 300, str(tmp_path), "tokens-0.bin")

    made = np.frombuffer((tmp_path / "tokens-0.bin").read_bytes(), dtype="<u2").reshape(-1, 5)
    assert made.tolist() == [[4, 5, 6, 7, 8], [8, 9, 10, 11, 12], [12, 13, 14, 15, 16]]
    assert (tally["sequences"], tally["bytes"]) == (3, 30)
