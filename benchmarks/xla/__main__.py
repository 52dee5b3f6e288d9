"""Trn1's backend on the real PyTorch/XLA, on a CPU: does every step run the same graph?

python -m benchmarks.xla [--environment .venv/xla] [--steps 24]

An environment with torch 2.9 and torch-xla 2.9 is made with uv where there is none yet (7 GB). The
model `tiny` is trained there, one process, and counted is how many graphs were compiled by
each step: a graph that is compiled late would be compiled on a Trainium node while it is paid for.
Then half of the run is continued by the native backend here. What several processes do, and
Neuron's compiler, this does not show. Exit code 1 if a graph is compiled in the second half, or if
the native backend's loss is not near.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NEAR = 0.05  # of the loss, between bfloat16 products and float32 ones
CHECKPOINT = "checkpoints/step-{:08d}"


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.xla",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--environment", type=Path, default=Path(".venv/xla"))
    options.add_argument("--steps", type=int, default=24)
    given = options.parse_args()
    python, half = _environment(given.environment), given.steps // 2
    with tempfile.TemporaryDirectory(prefix="bench-xla-") as scratch:
        data, run = Path(scratch, "data"), Path(scratch, "run")
        _run(sys.executable, "-m", "workloads.prepare", "--stories", 500, "--out", data)
        train = (
            *("--data", data, "--out", run, "--model", "tiny", "--steps", given.steps),
            *("--checkpoint-every", half, "--warmup-steps", 4),
        )
        said = _run(python, "-m", "benchmarks.xla.graphs", *train, "--device", "xla")
        compiled = [int(line.split()[1]) for line in said if line.startswith("compiled ")]
        theirs = _rows(run)[-1]["loss"]
        shutil.rmtree(run / CHECKPOINT.format(given.steps))
        _run(sys.executable, "-m", "workloads.train", *train)
        ours = _rows(run)[-1]["loss"]
    late = compiled[-1] - compiled[half - 1]
    print(f"graphs compiled by step 1, {half} and {given.steps}: ", end="")
    print(f"{compiled[0]}, {compiled[half - 1]} and {compiled[-1]}")
    print(f"loss at step {given.steps}: xla {theirs:.4f}; native from step {half} on {ours:.4f}")
    return 0 if not late and abs(theirs - ours) < NEAR * ours else 1


def _rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def _run(python: Path | str, *arguments: object) -> list[str]:
    """The lines that it printed."""
    environment = {**os.environ, "PJRT_DEVICE": "CPU"}
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout.splitlines()


def _environment(folder: Path) -> Path:
    """Its Python; made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        wanted = (uv, "pip", "install", "--quiet", "--python", python)
        subprocess.run([*wanted, "--requirement", HERE / "requirements.txt"], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
