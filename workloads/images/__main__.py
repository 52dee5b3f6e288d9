"""Build the images with the project's own code, and push them where the cluster's jobs pull them.

python -m workloads.images                                  # which there are, and their tags
python -m workloads.images --build cpu --to HOST/dev/workloads
python -m workloads.images --build all --to HOST/dev/workloads --push

--to is the account's repository: the output ImagesRepository of the stack `storage`. A tag ends
with a digest of what the image is built from, and one that is there already is not built again.
Docker is needed to build, and credentials of AWS to push. Not run against a registry yet.
"""

import base64
import json
import re
import subprocess
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from workloads.command import InputError, Parser, StageError, end, progress, run
from workloads.jobs.images import ROOT, Image, images
from workloads.versions import VERSIONS

ALL = "all"
_STDERR = 2  # the file descriptor: results alone go to stdout
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")


def parser() -> Parser:
    options = Parser(prog="python -m workloads.images", description=__doc__)
    add = options.add_argument
    add("--build", nargs="+", default=[], metavar="KIND", help="all, or some of those listed")
    add("--to", metavar="REPOSITORY", help="HOST/NAME, such as the output ImagesRepository")
    add("--push", action="store_true", help="to the repository, what is not there yet")
    add("--json", action="store_true", help="print JSON")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    return run("images", lambda: work(parser().parse_args(argv)))


def work(options: Namespace) -> None:
    found = images(VERSIONS.sagemaker.regions[0])
    if not options.build:
        _list(found, as_json=options.json)
        return
    if not options.to:
        raise InputError("--build needs --to: the repository, HOST/NAME")
    host, _, name = options.to.partition("/")
    ecr = _ECR.fullmatch(host)
    if options.push and not ecr:
        raise InputError(f"--to {options.to} is no repository of an account's ECR to push to")
    if ecr:
        found = images(_nearest(ecr["region"]))
    wanted = _chosen(options.build, found)
    registry = Registry(ecr, name) if ecr and options.push else None
    rows = []
    for image in wanted:
        uri = f"{options.to}:{image.tag}"
        there = registry is not None and registry.has(image.tag)
        if not there:
            _build(image, uri)
        if registry and not there:
            registry.log_in()
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


def _chosen(kinds: Sequence[str], found: Sequence[Image]) -> Sequence[Image]:
    if list(kinds) == [ALL]:
        return found
    by_kind = {image.kind: image for image in found}
    for kind in kinds:
        if kind not in by_kind:
            raise InputError(f"--build {kind} is none of {', '.join((ALL, *by_kind))}")
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


class Registry:
    """The account's ECR, as far as it is asked here."""

    def __init__(self, ecr: re.Match[str], name: str) -> None:
        import boto3

        self._account, self._name = ecr["account"], name
        self._ecr: Any = boto3.Session().client("ecr", region_name=ecr["region"])
        self._logged_in = False

    def has(self, tag: str) -> bool:
        """Whether the repository has the tag. InputError: there is no such repository."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._ecr.describe_images(
                registryId=self._account,
                repositoryName=self._name,
                imageIds=[{"imageTag": tag}],
            )
        except self._ecr.exceptions.ImageNotFoundException:
            return False
        except self._ecr.exceptions.RepositoryNotFoundException:
            raise InputError(
                f"account {self._account} has no repository {self._name}: the stack `storage` "
                "makes one, and its output ImagesRepository names it"
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise StageError(f"ECR does not answer for {self._name}: {error}") from None
        return True

    def log_in(self) -> None:
        """Hand Docker a password for the registry, once; it is in no command line."""
        if self._logged_in:
            return
        [data] = self._ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        host = data["proxyEndpoint"]
        _docker("login", "--username", user, "--password-stdin", host, given=password)
        self._logged_in = True


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
