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
from argparse import Namespace, _SubParsersAction
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workloads.artefacts.consumer import environment
from workloads.artefacts.index import INDEX, parse
from workloads.artefacts.key import DTYPES
from workloads.artefacts.store import fetch, require
from workloads.artefacts.toolchain import instance_of, toolchain
from workloads.command import InputError, Parser, StageError, count, progress, run
from workloads.compile import show
from workloads.compile.doctor import examine, pinned_packages, problems
from workloads.compile.garbage import contents, garbage, usage
from workloads.compile.plan import Request, keys_of, plan
from workloads.compile.run import compile_row
from workloads.compile.verify import ENTRY, LOCK_AGE, Finding, verify
from workloads.files import open_folder
from workloads.versions import VERSIONS

MINUTES = int(LOCK_AGE.total_seconds() // 60)


def parser() -> Parser:
    options = Parser(prog="python -m workloads.compile", description=__doc__)
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")
    planning = _command(commands, "plan", "which artefacts are needed, and which are compiled")
    _what_to_compile(planning)
    planning.add_argument("--require", action="store_true", help="exit with 1 if one is missing")
    planning.add_argument("--compile-on", default="", metavar="TYPE", help="must have the memory")
    planning.add_argument(
        "--memory-gib", type=count(1), metavar="N", help="for the compilers (by the weights)"
    )
    planning.set_defaults(do=do_plan)
    running = _command(commands, "run", "compile one artefact on this machine")
    _what_to_compile(running)
    running.add_argument("--scratch", metavar="FOLDER", help="with room for thrice the model")
    running.add_argument(
        "--python", default=sys.executable, help="the interpreter that has Neuron's packages"
    )
    running.set_defaults(do=do_run)
    _cache(_command(commands, "cache", "verify, repair, prewarm, gc or stats", json=False))
    doctor = _command(commands, "doctor", "are Neuron's packages the real and the pinned ones")
    doctor.add_argument("--for", dest="instance", metavar="TYPE", help="compare with its image")
    doctor.add_argument("--use", choices=("serve", "train"), default="serve")
    doctor.add_argument("--path", nargs="+", metavar="FOLDER", help="site-packages to look at")
    doctor.set_defaults(do=do_doctor)
    return options


def _cache(options: Parser) -> None:
    actions = options.add_subparsers(dest="action", required=True, metavar="ACTION")
    verifying = _command(actions, "verify", "say everything that is wrong")
    repairing = _command(actions, "repair", "delete what is wrong, so that it is compiled again")
    for each in (verifying, repairing):
        each.add_argument("--quick", action="store_true", help="trust names and sizes: no hashes")
        each.add_argument(
            "--lock-minutes", type=count(1), default=MINUTES, metavar="N",
            help="what is older is nobody's work any more (%(default)s)",
        )  # fmt: skip
    repairing.add_argument("--dry-run", action="store_true", help="say it, and delete nothing")
    verifying.set_defaults(do=do_verify)
    repairing.set_defaults(do=do_repair)
    prewarming = _command(actions, "prewarm", "copy one artefact to this machine, verified")
    prewarming.add_argument("name", metavar="KIND/DIGEST", help="as plan names it")
    prewarming.add_argument("--into", required=True, metavar="FOLDER")
    prewarming.set_defaults(do=do_prewarm)
    collecting = _command(actions, "gc", "delete what is old, or of a compiler not pinned any more")
    collecting.add_argument("--older-than", type=count(1), metavar="DAYS")
    collecting.add_argument("--unpinned", action="store_true", help="of compilers of no image")
    collecting.add_argument("--dry-run", action="store_true", help="say it, and delete nothing")
    collecting.set_defaults(do=do_gc)
    _command(actions, "stats", "how much there is, by kind and compiler").set_defaults(do=do_stats)
    for each in actions.choices.values():
        each.add_argument("--cache", required=True, metavar="URI", help="a folder or s3://")


def _command(
    commands: "_SubParsersAction[Parser]", name: str, summary: str, *, json: bool = True
) -> Parser:
    options = commands.add_parser(name, help=summary, description=summary)
    if json:
        options.add_argument("--json", action="store_true", help="print JSON")
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
    with tempfile.TemporaryDirectory(prefix="compile-", dir=options.scratch) as scratch:
        index = compile_row(
            rows[0],
            cache=options.cache,
            scratch=Path(scratch),
            python=options.python,
            environment=os.environ,
            say=progress,
        )
    if options.json:
        show.as_json(asdict(index) | {"name": index.key.name})
    else:
        size = f"{len(index.files)} files, {index.size / 1e6:,.1f} MB"
        print(f"{index.key.name}: {size} in {options.cache}")


def do_verify(options: Namespace) -> None:
    found = _verify(options)
    if options.json:
        show.as_json([asdict(finding) for finding in found])
    else:
        show.findings(found)
    if found:
        raise StageError(
            f"{options.cache} is not as it should be; cache repair deletes what is wrong"
        )


def do_repair(options: Namespace) -> None:
    found = _verify(options)
    cache = open_folder(options.cache)
    for finding in found if not options.dry_run else ():
        for name in finding.delete:
            cache.delete(name)
    if options.json:
        show.as_json([asdict(finding) for finding in found])
    else:
        show.findings(found)
    left = [finding.where for finding in found if not finding.delete]
    if left and not options.dry_run:
        raise StageError(f"deleting does not help {', '.join(left)}")


def _verify(options: Namespace) -> list[Finding]:
    return verify(
        open_folder(options.cache),
        now=datetime.now(UTC),
        lock_age=timedelta(minutes=options.lock_minutes),
        read_all=not options.quick,
        say=progress,
    )


def do_prewarm(options: Namespace) -> None:
    if not ENTRY.fullmatch(f"{options.name}/{INDEX}"):
        raise InputError(
            f"{options.name!r} is no artefact's name: KIND/DIGEST, as plan --json says"
        )
    cache = open_folder(options.cache)
    entry = cache.folder(options.name)
    if not entry.exists(INDEX):
        raise StageError(f"{entry.uri} has no {INDEX}: it was never compiled to its end")
    key = parse(entry.read(INDEX), f"{entry.uri}/{INDEX}").key
    index = fetch(cache, key, Path(options.into))
    told = environment(key, options.into)
    if options.json:
        show.as_json({"name": key.name, "into": options.into, "environment": told})
    else:
        print(f"{len(index.files)} files, {index.size / 1e6:,.1f} MB in {options.into}")
        for name, value in told.items():
            print(f"export {name}={value}")


def do_gc(options: Namespace) -> None:
    if options.older_than is None and not options.unpinned:
        raise InputError("say what is garbage: --older-than DAYS, --unpinned or both")
    cache = open_folder(options.cache)
    age = None if options.older_than is None else timedelta(days=options.older_than)
    found = garbage(
        contents(cache), now=datetime.now(UTC), older_than=age, unpinned=options.unpinned
    )
    for thing, _ in found if not options.dry_run else ():
        for name in thing.files:
            cache.delete(name)
    if options.json:
        show.as_json([asdict(thing) | {"reason": reason} for thing, reason in found])
    else:
        show.things(found, done=not options.dry_run)


def do_stats(options: Namespace) -> None:
    found = usage(contents(open_folder(options.cache)))
    if options.json:
        show.as_json([asdict(use) for use in found])
    else:
        show.uses(found)


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
        compile_on=getattr(options, "compile_on", ""),
        memory_gib=getattr(options, "memory_gib", None),
        region=region,
    )


if __name__ == "__main__":
    sys.exit(main())
