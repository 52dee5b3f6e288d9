"""Build the images with the project's own code, and push them where the cluster's jobs pull them.

python -m workloads.images                                  # which there are, and their tags
python -m workloads.images --build cpu --to HOST/dev/workloads
python -m workloads.images --build all --to HOST/dev/workloads --push
python -m workloads.images --findings all --to HOST/dev/workloads

--to is the account's repository: the output ImagesRepository of the stack `storage`. A tag ends
with a digest of what the image is built from, and one that is there already is not built again.
--findings tells what the registry's scan found in images that are there, and ends with 1 where
something is critical. Docker is needed to build, and credentials of AWS to push and to ask. Not run
against a registry yet.
"""

import json
import subprocess
from argparse import Namespace
from collections.abc import Sequence

from workloads.command import InputError, Parser, StageError, end, progress, run
from workloads.images.registry import ECR, Registry
from workloads.jobs.images import ROOT, Image, images
from workloads.versions import VERSIONS

ALL = "all"
_STDERR = 2  # the file descriptor: results alone go to stdout


def parser() -> Parser:
    options = Parser(prog="python -m workloads.images", description=__doc__)
    add = options.add_argument
    add("--build", nargs="+", default=[], metavar="KIND", help="all, or some of those listed")
    add("--findings", nargs="+", default=[], metavar="KIND", help="what was found in these")
    add("--to", metavar="REPOSITORY", help="HOST/NAME, such as the output ImagesRepository")
    add("--push", action="store_true", help="to the repository, what is not there yet")
    add("--json", action="store_true", help="print JSON")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return run("images", lambda: work(parser().parse_args(argv)))


def work(options: Namespace) -> None:
    found = images(VERSIONS.sagemaker.regions[0])
    if not options.build and not options.findings:
        _list(found, as_json=options.json)
        return
    if options.build and options.findings:
        raise InputError("--build and --findings are two commands; a pushed image is scanned first")
    if not options.to:
        raise InputError("--build and --findings need --to: the repository, HOST/NAME")
    host, _, name = options.to.partition("/")
    ecr = ECR.fullmatch(host)
    asks = options.push or options.findings
    if asks and not ecr:
        raise InputError(f"--to {options.to} is no repository of an account's ECR")
    if ecr:
        found = images(_nearest(ecr["region"]))
    registry = Registry(ecr, name) if ecr and asks else None
    if registry and options.findings:
        _tell_findings(registry, _chosen("findings", options.findings, found), as_json=options.json)
        return
    _build_all(options, _chosen("build", options.build, found), registry)


def _build_all(options: Namespace, wanted: Sequence[Image], registry: Registry | None) -> None:
    rows, logged_in = [], False
    for image in wanted:
        uri = f"{options.to}:{image.tag}"
        there = registry is not None and registry.has(image.tag)
        if not there:
            _build(image, uri)
        if registry and not there:
            if not logged_in:
                _log_in(registry)
            logged_in = True
            _docker("push", uri)
        rows.append({"kind": image.kind, "image": uri, "new": not there})
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['image']} {'is built' if row['new'] else 'was there already'}")


def _list(found: Sequence[Image], *, as_json: bool) -> None:
    rows = [{"kind": i.kind, "tag": i.tag, "file": i.dockerfile, "base": i.base} for i in found]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['kind']}: {row['tag']}, by {row['file']}")


def _chosen(option: str, kinds: Sequence[str], found: Sequence[Image]) -> Sequence[Image]:
    if list(kinds) == [ALL]:
        return found
    by_kind = {image.kind: image for image in found}
    for kind in kinds:
        if kind not in by_kind:
            raise InputError(f"--{option} {kind} is none of {', '.join((ALL, *by_kind))}")
    return [by_kind[kind] for kind in kinds]


def _nearest(region: str) -> str:
    """Where SageMaker's image is pulled from: a region that has none takes the first's."""
    regions = VERSIONS.sagemaker.regions
    return region if region in regions else regions[0]


def _build(image: Image, uri: str) -> None:
    progress(f"building {uri}")
    base = ("--build-arg", f"BASE={image.base}") if image.base else ()
    _docker(
        "build", "--file", image.dockerfile, *base, "--platform", "linux/amd64", "--tag", uri, "."
    )


def _log_in(registry: Registry) -> None:
    """Hand Docker a password for the registry; it is in no command line."""
    login = registry.login()
    _docker(
        *("login", "--username", login.user, "--password-stdin", login.host), given=login.password
    )


def _tell_findings(registry: Registry, wanted: Sequence[Image], *, as_json: bool) -> None:
    """What the registry's scans found, of each image. StageError: something critical."""
    found = {image: registry.findings(image.tag) for image in wanted}
    if as_json:
        rows = [{"kind": i.kind, "tag": i.tag, "findings": counts} for i, counts in found.items()]
        print(json.dumps(rows, indent=2))
    else:
        for image, counts in found.items():
            said = ", ".join(f"{number} {severity}" for severity, number in counts.items())
            print(f"{image.tag}: {said or 'nothing found'}")
    if critical := [image.tag for image, counts in found.items() if "CRITICAL" in counts]:
        raise StageError(
            f"critical findings in {', '.join(critical)}; `aws ecr describe-image-scan-findings` "
            "names them. Renew what the image is built on or installs, and build again"
        )


def _docker(*arguments: str, given: str | None = None) -> None:
    """StageError: it failed, or there is none. Its own output goes to stderr."""
    try:
        done = subprocess.run(
            ["docker", *arguments], cwd=ROOT, input=given, text=True, stdout=_STDERR, check=False
        )
    except FileNotFoundError:
        raise StageError("docker was not found: images are built with it") from None
    if done.returncode:
        raise StageError(f"docker {arguments[0]} failed with exit code {done.returncode}")


if __name__ == "__main__":
    end(main)
