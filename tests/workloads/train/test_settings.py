import re

import pytest

from workloads.command import InputError
from workloads.train.__main__ import parser
from workloads.train.schedule import Rates
from workloads.train.settings import Settings


def settings(*options: str) -> Settings:
    return Settings(**vars(parser().parse_args(["--data", "d", "--out", "o", *options])))


@pytest.mark.parametrize(
    ("options", "processes", "shares"),
    [
        (("--batch", "8"), 1, (1, 8)),
        (("--batch", "8"), 4, (1, 2)),
        (("--batch", "8", "--micro-batch", "1"), 4, (2, 1)),
        (("--batch", "8", "--micro-batch", "2"), 1, (4, 2)),
        (("--batch", "8", "--micro-batch", "2"), 4, (1, 2)),
    ],
)
def test_the_batch_is_the_same_for_any_number_of_processes(options, processes, shares):
    count, size = settings(*options).shares(processes)

    assert (count, size) == shares
    assert count * size * processes == 8


@pytest.mark.parametrize(
    ("options", "processes", "sentence"),
    [
        (("--batch", "8"), 3, "--batch 8 sequences cannot be divided among 3 processes; give a"
         " multiple of 6"),
        (("--batch", "2"), 4, "among 4 processes; give a multiple of 4"),
        (("--batch", "8", "--micro-batch", "3"), 2, "among 2 processes x 3 at once; give a"
         " multiple of 6"),
    ],
)  # fmt: skip
def test_processes_that_do_not_divide_the_batch_are_refused(options, processes, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        settings(*options).shares(processes)


def test_rates_come_from_the_device_in_order():
    import torch

    rates = Rates([0.1, 0.2, 0.3], after=1, device=torch.device("cpu"))

    assert [float(rates.next()) for _ in range(2)] == pytest.approx([0.2, 0.3])
