"""What is sent, and when, is fixed in advance."""

import itertools
import json
import statistics

import pytest

from workloads.benchmark.plan import Lengths, Prompt, drawn_prompts, plan, read_prompts
from workloads.command import InputError

FOREVER = itertools.repeat(Prompt(text="x", max_tokens=1))


def moments(**options) -> list[float]:
    settings = {"rate": 50.0, "seconds": 100.0, "arrivals": "poisson", "seed": 1} | options
    return [request.at for request in plan(FOREVER, **settings)]


def test_constant_arrivals_are_evenly_spaced():
    times = moments(rate=4.0, seconds=2.0, arrivals="constant")

    assert times == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]


def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process():
    times = moments()

    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == pytest.approx(5000, abs=5 * 5000**0.5)
    assert statistics.stdev(gaps) == pytest.approx(1 / 50, rel=0.1)  # of exponential gaps
    assert max(times) < 100


def test_the_seed_decides_the_moments():
    assert moments(seed=1) == moments(seed=1)
    assert moments(seed=1) != moments(seed=2)


def test_prompts_are_as_long_as_asked_and_begin_differently():
    prompts = list(
        itertools.islice(
            drawn_prompts(prompt=Lengths(mean=40, deviation=5), output=Lengths(mean=16), seed=3),
            500,
        )
    )

    lengths = [len(prompt.text.split()) for prompt in prompts]
    assert statistics.mean(lengths) == pytest.approx(40, abs=1)
    assert statistics.stdev(lengths) == pytest.approx(5, abs=0.7)
    assert {prompt.max_tokens for prompt in prompts} == {16}
    assert len({prompt.text[:40] for prompt in prompts}) == 500


def test_lengths_are_never_below_one():
    prompts = drawn_prompts(
        prompt=Lengths(mean=1, deviation=5), output=Lengths(mean=1, deviation=5), seed=0
    )

    some = list(itertools.islice(prompts, 200))
    assert min(prompt.max_tokens for prompt in some) == 1
    assert all(prompt.text for prompt in some)


def test_a_file_s_prompts_come_all_before_any_comes_again(tmp_path):
    file = tmp_path / "prompts.jsonl"
    rows = [{"prompt": f"question {n}", "max_tokens": n + 1} for n in range(5)]
    file.write_text("\n".join(map(json.dumps, rows)))

    some = list(itertools.islice(read_prompts(file, seed=0), 10))

    everything = {Prompt(text=row["prompt"], max_tokens=row["max_tokens"]) for row in rows}
    assert set(some[:5]) == set(some[5:]) == everything


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file"),
        (b"", "has no line"),
        (b'{"prompt": "a", "max_tokens": 1}\nnonsense', "line 2 is not"),
        (b'{"prompt": "a"}', "line 1 is not"),
        (b'{"prompt": "", "max_tokens": 1}', "line 1 is not"),
        (b'{"prompt": "a", "max_tokens": true}', "line 1 is not"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_prompts_is_refused_in_a_sentence(tmp_path, content, sentence):
    file = tmp_path / "prompts.jsonl"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InputError, match=sentence):
        read_prompts(file, seed=0)
