"""Tokens per second and dollar from a run's metrics."""

import json

import pytest

from workloads.benchmark.__main__ import main
from workloads.benchmark.training import throughput


def rows(**more) -> list[dict]:
    """Ten steps of 100 tokens: a slow first one, a checkpoint before the last."""
    return [
        {
            "step": n,
            "tokens": 100 * n,
            "seconds": 9.0 if n == 1 else 0.5,
            "checkpoint_seconds": 1.5 if n == 10 else 0.0,
            **more,
        }
        for n in range(1, 11)
    ]


def test_the_warm_up_does_not_count_and_checkpoints_do():
    figures = throughput(rows(), warmup=2)

    assert (figures.steps, figures.skipped_steps, figures.tokens) == (8, 2, 800)
    assert figures.tokens_per_second == 800 / (8 * 0.5 + 1.5)
    assert figures.step_tokens_per_second == 200
    assert figures.mfu is None


def test_mfu_is_weighted_by_time():
    slow, fast = ({"step": 1, "tokens": 10, "seconds": 3.0, "mfu": 0.1},
                  {"step": 2, "tokens": 20, "seconds": 1.0, "mfu": 0.5})  # fmt: skip

    assert throughput([slow, fast], warmup=0).mfu == pytest.approx(0.2)
    assert throughput([slow, fast | {"mfu": None}], warmup=0).mfu is None


def test_a_real_run_is_read(trained, tmp_path, capsys):
    price = ("--instance-type", "trn1.2xlarge", "--region", "us-west-2")

    assert main(["train", "--run", str(trained), "--out", str(tmp_path), *price]) == 0

    result = json.loads((tmp_path / "training.json").read_text())
    figures = result["figures"]
    assert figures["steps"] == 70
    assert figures["tokens"] == 70 * 4 * 32
    by_hand = 1.34375 / (figures["tokens_per_second"] * 3600) * 1e9
    assert result["usd_per_billion_tokens"] == pytest.approx(by_hand)
    out = capsys.readouterr().out
    assert "USD per 1e9 tokens: 1.34375 USD per hour for trn1.2xlarge in us-west-2" in out
    assert "as of 2025-08" in out
    assert main(["compare", "--measured", str(tmp_path / "training.json"),
                 "--out", str(tmp_path)]) == 0  # fmt: skip
    assert "measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "has no metrics.jsonl; give the folder that train wrote to"),
        ("", "the run has 0 steps"),
        ('{"step": 1}\n', "line 1 is no step of train's"),
        ("[]\n", "line 1 is no step of train's"),
        ("{", "line 1 is no step of train's"),
    ],
)
def test_what_is_no_run_is_refused_in_a_sentence(tmp_path, capsys, content, sentence):
    if content is not None:
        (tmp_path / "metrics.jsonl").write_text(content)

    assert main(["train", "--run", str(tmp_path)]) == 2

    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
