"""`cache` of the command: verify, repair, prewarm, gc and stats of compiled artefacts."""

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workloads.artefacts.consumer import environment
from workloads.artefacts.index import INDEX, parse
from workloads.artefacts.store import fetch
from workloads.command import InputError, Parser, StageError, count, progress
from workloads.compile import show
from workloads.compile.garbage import contents, garbage, usage
from workloads.compile.options import command
from workloads.compile.verify import ENTRY, LOCK_AGE, Finding, verify
from workloads.files import open_folder

MINUTES = int(LOCK_AGE.total_seconds() // 60)


def add(options: Parser) -> None:
    """Give the command its actions."""
    actions = options.add_subparsers(dest="action", required=True, metavar="ACTION")
    verifying = command(actions, "verify", "say everything that is wrong")
    repairing = command(actions, "repair", "delete what is wrong, so that it is compiled again")
    for each in (verifying, repairing):
        each.add_argument("--quick", action="store_true", help="trust names and sizes: no hashes")
        each.add_argument(
            "--lock-minutes", type=count(1), default=MINUTES, metavar="N",
            help="what is older is nobody's work any more (%(default)s)",
        )  # fmt: skip
    repairing.add_argument("--dry-run", action="store_true", help="say it, and delete nothing")
    verifying.set_defaults(do=do_verify)
    repairing.set_defaults(do=do_repair)
    prewarming = command(actions, "prewarm", "copy one artefact to this machine, verified")
    prewarming.add_argument("name", metavar="KIND/DIGEST", help="as plan names it")
    prewarming.add_argument("--into", required=True, metavar="FOLDER")
    prewarming.set_defaults(do=do_prewarm)
    collecting = command(actions, "gc", "delete what is old, or of a compiler not pinned any more")
    collecting.add_argument("--older-than", type=count(1), metavar="DAYS")
    collecting.add_argument("--unpinned", action="store_true", help="of compilers of no image")
    collecting.add_argument("--dry-run", action="store_true", help="say it, and delete nothing")
    collecting.set_defaults(do=do_gc)
    command(actions, "stats", "how much there is, by kind and compiler").set_defaults(do=do_stats)
    for each in actions.choices.values():
        each.add_argument("--cache", required=True, metavar="URI", help="a folder or s3://")


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
