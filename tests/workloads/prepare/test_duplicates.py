from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.files import open_folder
from workloads.prepare.clean import clean
from workloads.prepare.duplicates import first_of_group, match, merge
from workloads.prepare.layout import PART_BITS, REMOVED, load
from workloads.prepare.near import SEQUENCE, recall
from workloads.prepare.noise import EXACT, NEAR, noise
from workloads.prepare.settings import QUALITY, Settings
from workloads.prepare.sources import StorySlice
from workloads.prepare.stories import story


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_a_group_is_all_that_pairs_connect(pairs):
    groups = {number: {number} for pair in pairs for number in pair}
    for a, b in pairs:
        union = groups[a] | groups[b]
        for number in union:
            groups[number] = union

    left, right = (np.array([pair[i] for pair in pairs], dtype=np.uint64) for i in (0, 1))
    numbers, firsts = first_of_group(left, right)

    assert dict(zip(numbers.tolist(), firsts.tolist(), strict=True)) == {
        number: min(group) for number, group in groups.items()
    }


def removed(tmp_path, slices, buckets: int) -> set[int]:
    """Which rows of the whole input are left out, when it is cut into these slices."""
    work = open_folder(str(tmp_path))
    settings_ = Settings(skip=(QUALITY,))
    firsts, first = [], 0
    for part, piece in enumerate(slices):
        tally = clean(work, f"{part}", (piece,), settings_, buckets)
        firsts.append(first)
        first += tally["documents"]
    parts = [f"{part}" for part in range(len(slices))]
    for bucket in range(buckets):
        match(work, f"match-{bucket}", parts, bucket, buckets)
    merge(work, "merge", [f"match-{bucket}" for bucket in range(buckets)], len(parts))
    numbers = load(work, f"merge{REMOVED}").tolist()
    return {firsts[number >> int(PART_BITS)] + (number & 0xFFFFFFFF) for number in numbers}


def cut(stories: int, *at: int) -> list[StorySlice]:
    bounds = [0, *at, stories]
    return [
        StorySlice(seed=9, noisy=True, start=start, stop=stop) for start, stop in pairwise(bounds)
    ]


@pytest.mark.parametrize(("at", "buckets"), [((), 1), ((100,), 3), ((8, 9, 300), 5)])
def test_what_is_left_out_depends_neither_on_parts_nor_on_buckets(tmp_path, at, buckets):
    whole = removed(tmp_path / "whole", cut(400), 1)

    assert len(whole) >= 18
    assert removed(tmp_path / "parts", cut(400, *at), buckets) == whole


def shingles(text: str) -> set[tuple[str, ...]]:
    words = "".join(c.lower() if c.isalnum() else " " for c in text).split()
    return {tuple(words[i : i + SEQUENCE]) for i in range(len(words) - SEQUENCE + 1)}


def test_the_duplicates_that_the_generator_put_in_are_found_at_the_stated_recall(tmp_path):
    rows, kinds, expected = [], [], []
    for number in range(8000):
        rows.append(story(9, number))
        kinds.append(None)
        row = noise(9, number)
        if row and "\0" not in row.text:
            rows.append(row.text)
            kinds.append(row.kind)
            a, b = shingles(row.text), shingles(story(9, row.of))
            expected.append((len(rows) - 1, row.kind, len(a & b) / len(a | b)))

    found = removed(tmp_path, cut(8000), 1)

    exact = [place for place, kind, _ in expected if kind == EXACT]
    assert len(exact) == 200
    assert found >= set(exact)
    alike = [(place, jaccard) for place, kind, jaccard in expected if kind == NEAR if jaccard > 0.8]
    assert len(alike) > 80
    share = sum(place in found for place, _ in alike) / len(alike)
    assert share >= np.mean([recall(jaccard) for _, jaccard in alike]) - 0.05
    # Few that nobody put in: stories of the same few sentences.
    told = [place for place in found if kinds[place] is None]
    assert len(told) < 0.02 * 8000
