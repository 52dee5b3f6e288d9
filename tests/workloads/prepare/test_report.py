import re

import pytest

from workloads.dataset import Dataset, Shard
from workloads.prepare.executor import Phase
from workloads.prepare.report import bars, funnel, histogram, rate, render

COUNTS = {
    "rows": 1000,
    "bytes": 123456,
    "kept": 700,
    "duplicates": {"exact": 40, "near": 60},
    "largest_group": 5,
    "filtered": {"fewer than 50 words": 120, "more than 30 % of lines repeat": 30},
    "quarantined": {"NUL": 45, "not JSON": 5},
    "personal": {"e-mail": 9},
    "lengths_read": {"5": 10, "7": 900, "14": 40},
    "lengths_kept": {"7": 690, "14": 10},
}
PHASES = [
    Phase(name="clean", tasks=3, ran=3, seconds=1.5),
    Phase(name="x", tasks=1, ran=1, seconds=0.5),
]


def dataset(**changed) -> Dataset:
    return Dataset(
        sequence_length=64, sequences=10, tokens=5000, documents=700, vocabulary=300,
        begin_token=0, end_token=1, dtype="uint16", tokenizer_sha256="0",
        shards=(Shard(file="tokens-0.bin", sequences=10, bytes=1, sha256="0"),),
        sources=({"file": "<a&b>.jsonl", "bytes": 5},), versions={}, counts=COUNTS | changed,
    )  # fmt: skip


def test_the_funnel_ends_with_what_was_kept():
    steps = funnel(COUNTS)

    assert [step.count for step in steps] == [1000, 950, 800, 760, 700]
    assert steps[-1].share == 0.7
    assert [step.note for step in steps] == ["", "−50", "−150", "−40", "−60"]


def test_the_longest_bar_is_first_and_whole():
    made = bars({"a": 1, "b": 4, "c": 0})

    assert [(bar.name, bar.share) for bar in made] == [("b", 1.0), ("a", 0.25)]


def test_lengths_that_nothing_has_are_shown_too():
    columns = histogram(COUNTS)

    assert [column.most for column in columns] == [2**bits - 1 for bits in range(5, 15)]
    assert sum(column.read for column in columns) == 950
    assert sum(column.kept for column in columns) == 700


def test_there_is_a_rate_only_for_a_whole_run():
    assert rate(dataset(), PHASES) == 2500
    assert rate(dataset(), [*PHASES, Phase(name="y", tasks=2, ran=1, seconds=1)]) is None


def test_the_page_shows_every_count():
    page = render(dataset(), PHASES, workers=2).decode()

    for word in ("1,000", "700", "NUL", "e-mail", "fewer than 50 words", "Gopher", "2,500", "92 %"):
        assert word in page
    assert "&lt;a&amp;b&gt;.jsonl" in page
    assert page.count("<rect") == 20
    assert not re.search(r"https?://", page)  # nothing is fetched


@pytest.mark.parametrize(
    ("empty", "sentence"),
    [("filtered", "Nothing was."), ("quarantined", "Every row was a text."),
     ("personal", "None was found.")],
)  # fmt: skip
def test_a_page_without_some_of_it(empty, sentence):
    assert sentence in render(dataset(**{empty: {}}), PHASES, workers=1).decode()


def test_the_page_of_nothing_left_to_draw():
    assert render(dataset(lengths_read={}, lengths_kept={}), [], workers=1)
