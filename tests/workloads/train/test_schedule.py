import pytest

from workloads.train.schedule import learning_rate

RATES = [learning_rate(step, peak=1.0, warmup_steps=10, steps=100) for step in range(1, 101)]


def test_the_rate_rises_to_its_peak_over_the_warm_up():
    assert RATES[:10] == pytest.approx([step / 10 for step in range(1, 11)])


def test_the_rate_falls_to_a_tenth_at_the_last_step():
    assert RATES[9:] == sorted(RATES[9:], reverse=True)
    assert RATES[54] == pytest.approx(0.55)
    assert RATES[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("warmup", "steps"), [(0, 1), (1, 1), (5, 5), (10, 3)])
def test_short_runs_have_rates_too(warmup, steps):
    rates = [
        learning_rate(s, peak=1.0, warmup_steps=warmup, steps=steps) for s in range(1, steps + 1)
    ]

    assert all(0 < rate <= 1 for rate in rates)
