"""Tokens per second and core: prepare, the bare tokenizer, and datatrove, in one run.

    python -m venv .venv-datatrove
    .venv-datatrove/bin/pip install -r benchmarks/prepare/requirements.txt
    python -m benchmarks.prepare --datatrove .venv-datatrove/bin/python [--megabytes 8] [--rounds 3]

Each is a process of its own on one core, with the same texts and tokenizer; rounds alternate,
medians are printed. What counts is the processor's time, which other processes on the machine
change little. The bare tokenizer has its texts in memory and keeps no tokens; the other two begin
with a file and end with files, and their tokens are those of the documents they kept.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.prepare import corpus
from workloads.prepare.tokenizer import train_tokenizer

HERE = Path(__file__).parent
TRAINING_BYTES = 4 << 20


def run(command: list[str], core: int) -> dict[str, Any]:
    """What a contestant printed last."""
    done = subprocess.run(
        command,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare")
    parser.add_argument("--datatrove", metavar="PYTHON", help="an interpreter that has datatrove")
    parser.add_argument("--input", metavar="FILE", help="JSON lines with a key text of your own")
    parser.add_argument("--megabytes", type=int, default=8, help="of text to make otherwise")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        texts, rules = Path(folder, "texts.jsonl"), Path(folder, "tokenizer.json")
        if options.input:
            texts.write_bytes(Path(options.input).read_bytes())
        else:
            corpus.write(texts, options.megabytes << 20)
        rows = [json.loads(line)["text"] for line in texts.open()]
        size = sum(len(row.encode()) for row in rows)
        sample = rows[:: max(1, size // TRAINING_BYTES)]
        train_tokenizer(sample, options.vocabulary).save(str(rules))
        contestants = {
            "tokenizers, bare": [sys.executable, "-m", "benchmarks.prepare.bare"],
            "prepare": [sys.executable, "-m", "benchmarks.prepare.ours"],
        }
        if options.datatrove:
            contestants["datatrove"] = [options.datatrove, str(HERE / "datatrove_pipeline.py")]
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
        for _ in range(options.rounds):
            for name, command in contestants.items():
                results[name].append(run([*command, str(texts), str(rules)], core))
    arguments = " ".join(sys.argv[1:])
    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, {platform.machine()},"
        f" `python -m benchmarks.prepare {arguments}`: {len(rows):,} documents, {size:,} bytes\n"
    )
    print("| | documents kept | tokens | CPU s | tokens per CPU second | of bare |")
    print("|---|--:|--:|--:|--:|--:|")
    rates = {
        name: statistics.median(one["tokens"] / one["cpu"] for one in found)
        for name, found in results.items()
    }
    for name, found in results.items():
        cpu = statistics.median(one["cpu"] for one in found)
        share = rates[name] / rates["tokenizers, bare"]
        print(
            f"| {name} | {found[0]['documents']:,} | {found[0]['tokens']:,} | {cpu:.2f}"
            f" | {rates[name]:,.0f} | {share:.0%} |"
        )
    if "datatrove" in rates:
        print(f"\nprepare / datatrove: {rates['prepare'] / rates['datatrove']:.1f}")


if __name__ == "__main__":
    main()
