"""Synthesis of an environment of many pools against one of few, in one run on this machine.

    python -m benchmarks.synth [--rounds 5] [--pools 2 20]

A round starts app.py for each size, as the CDK command line does, with the CDK's own validation.
Rounds alternate between the sizes, medians are printed; CPU time is that of Python and of the
CDK's Node process, and does not wait for others on the machine. Exit code 1 if the many take twice
as long as the few, by either clock.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = """
region = "us-east-2"
tags   = { project = "benchmark", environment = "synth" }
[network]
zones = ["use2-az1", "use2-az2", "use2-az3"]
cidr  = "10.0.0.0/16"
"""
# Taken in turn: training, serving and preparation, as in stacks/environments/prod.toml.
POOLS = (
    'instance_type = "trn1.32xlarge"\nzone = "use2-az3"\nefa = true',
    'instance_type = "inf2.48xlarge"\nzone = "use2-az1"',
    'instance_type = "m7a.48xlarge"\nzone = "use2-az2"\nefa = false',
)


def write_environment(folder: Path, pools: int) -> None:
    """An environment file with a number of pools, alone in its folder."""
    tables = [
        f'[[pools]]\nname = "pool-{number}"\nmax_nodes = 2\n{POOLS[number % len(POOLS)]}\n'
        for number in range(pools)
    ]
    (folder / "many.toml").write_text("\n".join([ENVIRONMENT, *tables]))


def synthesize(environments: Path, pools: int) -> tuple[float, float]:
    """The wall and CPU seconds of one synthesis, whose templates are counted."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with tempfile.TemporaryDirectory() as out:
        variables = {
            "CDK_OUTDIR": out,
            "CDK_CONTEXT_JSON": json.dumps(context | {"environments": str(environments)}),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        }
        started, before = time.perf_counter(), children_cpu()
        subprocess.run(
            [sys.executable, ROOT / "app.py"], env={**os.environ, **variables}, check=True
        )
        taken = time.perf_counter() - started, children_cpu() - before
        templates = list(Path(out).rglob("*pool*.template.json"))
    if len(templates) != pools:
        raise SystemExit(f"{len(templates)} templates of {pools} pools: not what was to be timed")
    return taken


def children_cpu() -> float:
    """CPU seconds of all ended children and theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pools", type=int, nargs=2, default=[2, 20], metavar=("FEW", "MANY"))
    options = parser.parse_args()
    few, many = options.pools
    rounds: dict[int, list[tuple[float, float]]] = {few: [], many: []}
    with tempfile.TemporaryDirectory() as name:
        folders = {pools: Path(name) / str(pools) for pools in rounds}
        for pools, folder in folders.items():
            folder.mkdir()
            write_environment(folder, pools)
            synthesize(folder, pools)  # files and bytecode into the caches
        for _ in range(options.rounds):
            for pools, folder in folders.items():
                rounds[pools].append(synthesize(folder, pools))
    medians = {
        pools: [statistics.median(times) for times in zip(*taken, strict=True)]
        for pools, taken in rounds.items()
    }
    ratios = [medians[many][clock] / medians[few][clock] for clock in (0, 1)]
    each = [(medians[many][clock] - medians[few][clock]) / (many - few) for clock in (0, 1)]
    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, "
        f"{len(os.sched_getaffinity(0))} cores, "
        f"`python -m benchmarks.synth --rounds {options.rounds} --pools {few} {many}`\n"
    )
    print("| pools | seconds | CPU seconds |\n| --- | --: | --: |")
    for pools in (few, many):
        print(f"| {pools} | {medians[pools][0]:.2f} | {medians[pools][1]:.2f} |")
    print(f"| {many} / {few} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    print(f"| each further pool | {each[0]:.3f} | {each[1]:.3f} |")
    sys.exit(max(ratios) >= 2)


if __name__ == "__main__":
    main()
