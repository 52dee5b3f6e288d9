from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.dataset import read_dataset
from workloads.files import open_folder
from workloads.prepare.build import WORK, prepare
from workloads.prepare.executor import Executor
from workloads.prepare.settings import Settings
from workloads.prepare.sources import tell_stories
from workloads.train.data import Sequences, batch_numbers, shuffled


@given(st.integers(1, 600), st.integers(0, 5))
def test_the_shuffle_is_a_permutation(count, seed):
    order = [shuffled(index, count, key=f"{seed}") for index in range(count)]

    assert sorted(order) == list(range(count))


def test_the_shuffle_shuffles():
    order = [shuffled(index, 1000, key="0") for index in range(1000)]
    other = [shuffled(index, 1000, key="1") for index in range(1000)]

    assert abs(np.corrcoef(order, range(1000))[0, 1]) < 0.1
    assert abs(np.corrcoef(order, other)[0, 1]) < 0.1
    assert sum(a == b + 1 for a, b in pairwise(order)) < 10


def test_the_order_is_pinned():
    """A change here would give resumed runs other batches."""
    assert batch_numbers(count=100, seed=0, step=1, batch=8) == [36, 52, 69, 98, 86, 97, 46, 20]
    assert batch_numbers(count=100, seed=0, step=13, batch=8) == [7, 12, 72, 0, 63, 14, 76, 97]


@pytest.mark.parametrize(("count", "batch"), [(10, 4), (7, 3), (3, 8), (1, 1)])
def test_each_epoch_has_every_sequence_once(count, batch):
    steps = 4 * count
    stream = [
        number
        for step in range(1, steps + 1)
        for number in batch_numbers(count=count, seed=0, step=step, batch=batch)
    ]

    for epoch in range(steps * batch // count):
        assert sorted(stream[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_sequences_are_read_across_shards(tmp_path):
    out = open_folder(str(tmp_path))
    settings = Settings(vocabulary=300, sequence_length=32, shard_bytes=7 * 33 * 2)
    with Executor(out.folder(WORK).uri) as executor:
        made = prepare(tell_stories(20, 1, settings.part_bytes), out, settings, executor)
    assert len(made.shards) > 3
    everything = np.concatenate(
        [np.fromfile(tmp_path / shard.file, dtype="<u2") for shard in made.shards]
    ).reshape(-1, 33)

    sequences = Sequences(read_dataset(open_folder(str(tmp_path))), tmp_path)
    numbers = [0, 6, 7, len(sequences) - 1, 3]

    assert len(sequences) == made.sequences == len(everything)
    assert np.array_equal(sequences.rows(numbers), everything[numbers])
    assert sequences.rows(numbers).dtype == np.int64
