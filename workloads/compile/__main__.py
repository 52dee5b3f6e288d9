"""Compile for Inferentia and Trainium ahead of time, on CPUs, and keep what comes of it.

  plan     which artefacts serving and training need, and which of them are compiled
  run      compile one of them on this machine, inside the image that the plan names
  cache    verify, repair, prewarm, gc or stats of the cache
  doctor   are Neuron's packages here the real ones, and the pinned ones

python -m workloads.compile plan --cache s3://b/cache --model s3://b/llama --serve-on inf2.8xlarge
python -m workloads.compile plan --cache s3://b/cache --data s3://b/tokens --train-on \\
    trn1.32xlarge --nodes 2 --require -- --model tiny --batch 64
python -m workloads.compile cache verify --cache s3://b/cache

What follows -- are the options of workloads.train. --require makes plan exit with 1, and name what
is missing, before anything is bought for it.
"""

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workloads.artefacts.key import DTYPES
from workloads.artefacts.store import require
from workloads.artefacts.toolchain import instance_of, toolchain
from workloads.command import InputError, Parser, StageError, count, end, progress, run
from workloads.compile import cache, show
from workloads.compile.doctor import examine, pinned_packages, problems
from workloads.compile.options import command
from workloads.compile.plan import Request, keys_of, plan
from workloads.compile.run import compile_row
from workloads.files import open_folder
from workloads.jobs.environment import INDEX as INDEX_VARIABLE
from workloads.jobs.environment import own_index
from workloads.versions import VERSIONS

PODS = 4  # a training program has a handful of graphs


def parser() -> Parser:
    options = Parser(prog="python -m workloads.compile", description=__doc__)
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")
    planning = command(commands, "plan", "which artefacts are needed, and which are compiled")
    _what_to_compile(planning)
    planning.add_argument("--require", action="store_true", help="exit with 1 if one is missing")
    planning.add_argument("--compile-on", default="", metavar="TYPE", help="must have the memory")
    planning.add_argument(
        "--memory-gib", type=count(1), metavar="N", help="for the compilers (by the weights)"
    )
    planning.add_argument(
        "--pods", type=count(1), default=PODS, metavar="N",
        help="that share the graphs of one training program (%(default)s)",
    )  # fmt: skip
    planning.set_defaults(do=do_plan)
    running = command(commands, "run", "compile one artefact on this machine")
    _what_to_compile(running)
    running.add_argument("--scratch", metavar="FOLDER", help="with room for thrice the model")
    running.add_argument(
        "--python", default=sys.executable, help="the interpreter that has Neuron's packages"
    )
    running.add_argument("--of", type=count(1), default=1, metavar="N", help="tasks share graphs")
    running.add_argument(
        "--index", type=count(0), metavar="I",
        help=f"which of them this is, from 0; in an indexed Job {INDEX_VARIABLE} tells",
    )  # fmt: skip
    running.set_defaults(do=do_run)
    cache.add(command(commands, "cache", "verify, repair, prewarm, gc or stats", json=False))
    doctor = command(commands, "doctor", "are Neuron's packages the real and the pinned ones")
    doctor.add_argument("--for", dest="instance", metavar="TYPE", help="compare with its image")
    doctor.add_argument("--use", choices=("serve", "train"), default="serve")
    doctor.add_argument("--path", nargs="+", metavar="FOLDER", help="site-packages to look at")
    doctor.set_defaults(do=do_doctor)
    return options


def _what_to_compile(options: Parser) -> None:
    add = options.add_argument
    add("--cache", required=True, metavar="URI", help="the artefacts: a folder or s3://")
    add("--model", default="", metavar="URI", help="a Hugging Face folder to serve")
    add("--serve-on", nargs="+", default=[], metavar="TYPE", help="inf2.8xlarge, ml.inf2.xlarge …")
    add("--tensor-parallel", type=count(1), metavar="N", help="cores (as many as divide the heads)")
    add("--batch", type=count(1), default=1, metavar="N", help="sequences at once (%(default)s)")
    add("--sequence-length", type=count(1), metavar="N", help="tokens (the model's)")
    add("--dtype", choices=DTYPES, help="of the computation (bfloat16)")
    add("--lnc", type=count(1, 2), metavar="N", help="cores per logical core (the chip's default)")
    add("--flag", action="append", default=[], metavar="FLAG", help="of neuronx-cc: --flag=-O2")
    add("--train-on", nargs="+", default=[], metavar="TYPE", help="trn1.32xlarge …")
    add("--nodes", type=count(1), default=1, metavar="N", help="of the gang (%(default)s)")
    add("--data", default="", metavar="URI", help="the data set to train on")


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        words = list(sys.argv[1:] if argv is None else argv)
        ours = words.index("--") if "--" in words else len(words)
        options = parser().parse_args(words[:ours])
        options.train_options = words[ours + 1 :]
        do: Callable[[Namespace], None] = options.do
        do(options)

    return run("compile", work)


def do_plan(options: Namespace) -> None:
    rows = plan(_request(options), progress)
    if options.json:
        show.as_json([row.to_json() for row in rows])
    else:
        show.rows(rows)
    if options.require:
        require(open_folder(options.cache), keys_of(rows))


def do_run(options: Namespace) -> None:
    rows = plan(_request(options), progress)
    if len(rows) != 1:
        raise InputError(f"run compiles one artefact, and these options name {len(rows)}")
    if options.of > 1 and not options.train_on:
        raise InputError("--of shares the graphs of --train-on; a model to serve is compiled whole")
    with tempfile.TemporaryDirectory(prefix="compile-", dir=options.scratch) as scratch:
        index = compile_row(
            rows[0],
            cache=options.cache,
            scratch=Path(scratch),
            python=options.python,
            environment=os.environ,
            say=progress,
            share=(own_index(options.index, options.of, os.environ), options.of),
        )
    if index is None:
        print(f"{rows[0].key.name}: this share is compiled, others are not yet")
        return
    if options.json:
        show.as_json(asdict(index) | {"name": index.key.name})
    else:
        size = f"{len(index.files)} files, {index.size / 1e6:,.1f} MB"
        print(f"{index.key.name}: {size} in {options.cache}")


def do_doctor(options: Namespace) -> None:
    pinned: dict[str, str] = {}
    python = ""
    if options.instance:
        tools = toolchain(options.instance, options.use)
        pinned = pinned_packages(tools, _packages(options.instance, options.use))
        python = tools.python
    found = examine(options.path, pinned, python="" if options.path else python)
    if options.json:
        show.as_json([asdict(check) for check in found])
    elif found:
        show.checks(found)
    else:
        print("no package of Neuron's is installed; --for TYPE says what its image has")
    if bad := problems(found):
        raise StageError(f"{len(bad)} of {len(found)} are not as they should be")


def _packages(instance: str, use: str) -> dict[str, str]:
    if instance.startswith("ml."):
        return dict(VERSIONS.sagemaker.packages)
    return dict(VERSIONS.neuron[instance_of(instance).family].uses[use].packages)


def _request(options: Namespace) -> Request:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    same: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("cache", "model", "tensor_parallel", "batch", "sequence_length", "dtype")
    }
    return Request(
        **same,
        lnc=options.lnc,
        flags=tuple(options.flag),
        serve_on=tuple(options.serve_on),
        train_on=tuple(options.train_on),
        nodes=options.nodes,
        data=options.data,
        train_options=tuple(options.train_options),
        pods=getattr(options, "pods", 1),
        compile_on=getattr(options, "compile_on", ""),
        memory_gib=getattr(options, "memory_gib", None),
        region=region,
    )


if __name__ == "__main__":
    end(main)
