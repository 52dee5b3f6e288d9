"""What a training run did per second and per dollar, from the metrics it wrote.

Reads metrics.jsonl under --run; steps of the warm-up, in which memory is found and code compiled,
do not count. Time that stood still for checkpoints does: it is paid for.
"""

import argparse
from collections.abc import Mapping, Sequence

from rich.console import Console

from workloads.benchmark import cost
from workloads.benchmark.place import now, this_machine
from workloads.benchmark.training import Training, read_rows, throughput
from workloads.command import count
from workloads.files import open_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run", required=True, metavar="URI", help="what train wrote: a folder or s3://")
    add("--warmup-steps", type=count(0), default=10, metavar="N", help="(%(default)s)")
    add("--model", default="not said", metavar="TEXT", help="what was trained, for the record")
    add("--hardware", metavar="TEXT", help="what trained (--instance-type, else this machine)")
    add("--software", default="not said", metavar="TEXT", help="with what, and which version")
    add("--out", metavar="URI", help="a folder or s3:// to write training.json to")
    cost.add_options(parser, count(1))


def work(
    options: argparse.Namespace, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    rent = cost.rent(options)
    figures = throughput(read_rows(open_folder(options.run)), warmup=options.warmup_steps)
    paid = f"{rent.instances} x {rent.price.instance_type}" if rent and rent.price else None
    training = Training(
        run=options.run,
        hardware=options.hardware or paid or this_machine(),
        software=options.software,
        model=options.model,
        read=now(),
        command=command,
        rent=rent,
        figures=figures,
    )
    if options.out:
        open_folder(options.out).write("training.json", training.to_json())
    Console(highlight=False, soft_wrap=True).print("\n".join(_lines(training)), markup=False)


def _lines(training: Training) -> list[str]:
    f = training.figures
    lines = [
        f"{training.run}: {f.steps} steps after {f.skipped_steps} of warm-up, on"
        f" {training.hardware}",
        f"{f.tokens_per_second:,.1f} tokens per second ({f.step_tokens_per_second:,.1f} without"
        f" the {f.checkpoint_seconds:.1f} s for checkpoints)",
        "MFU: not in the metrics" if f.mfu is None else f"MFU: {f.mfu:.1%} of the peak they name",
    ]
    if training.rent is not None and training.usd_per_billion_tokens is not None:
        lines.append(
            f"{training.usd_per_billion_tokens:,.2f} USD per 1e9 tokens: {training.rent.basis}"
        )
    return lines
