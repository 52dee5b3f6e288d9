"""Tokens per second of workloads.train against a bare PyTorch loop of the same model.

python -m benchmarks.train [--model tiny] [--steps 60] [--rounds 5]

Both train the same model on the same batch shape with the same optimizer, one after the other on
one core, each round in new processes, so that whatever else the machine does hits both. Ours also
reads its data, follows its schedule, records every step's numbers and makes a checkpoint half-way,
while the steps go on. Compared are medians over the rounds. Exit code 1 if ours has less than 95 %.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SHARE = 0.95
SKIPPED_STEPS = 20  # warm-up, in both; two of our windows of metrics
STORIES, VOCABULARY, LENGTH, BATCH = 4000, 1024, 256, 8


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--model", default="tiny")
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # and of what it starts
    tokens = (given.steps - SKIPPED_STEPS) * BATCH * LENGTH
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        data = Path(folder) / "data"
        _python(
            "-m", "workloads.prepare", "--stories", STORIES, "--vocabulary", VOCABULARY,
            "--sequence-length", LENGTH, "--out", data,
        )  # fmt: skip
        vocabulary = json.loads((data / "manifest.json").read_text())["vocabulary"]
        for number in range(given.rounds):
            numbers = (vocabulary, LENGTH, BATCH, given.steps, SKIPPED_STEPS)
            printed = _python("-m", "benchmarks.train.bare", given.model, *numbers)
            bare.append(tokens / float(printed))
            ours.append(tokens / _ours(data, Path(folder) / f"{number}", given))
            print(
                f"round {number + 1}: ours {ours[-1]:,.0f}, bare {bare[-1]:,.0f} tokens/s",
                flush=True,
            )
    share = statistics.median(ours) / statistics.median(bare)
    print(
        f"{given.model}, batch {BATCH} x {LENGTH}, one core, medians of {given.rounds}:"
        f" ours {statistics.median(ours):,.0f}, bare {statistics.median(bare):,.0f} tokens/s,"
        f" {share:.1%}"
    )
    return 0 if share >= SHARE else 1


def _ours(data: Path, run: Path, given: argparse.Namespace) -> float:
    """Seconds of the steps after the warm-up, what they stood still for checkpoints included."""
    _python(
        "-m", "workloads.train", "--data", data, "--out", run, "--model", given.model,
        "--batch", BATCH, "--steps", given.steps, "--checkpoint-every", given.steps // 2,
    )  # fmt: skip
    lines = (run / "metrics.jsonl").read_text().splitlines()[SKIPPED_STEPS:]
    rows = [json.loads(line) for line in lines]
    return float(sum(row["seconds"] + row["checkpoint_seconds"] for row in rows))


def _python(*arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
