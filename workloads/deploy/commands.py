"""The commands' options, and what each does with them. AWS is reached as its SDK is configured."""

import json
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workloads.artefacts.key import DTYPES
from workloads.command import InputError, Parser, count, progress
from workloads.deploy import bedrock as into_bedrock
from workloads.deploy import imports
from workloads.deploy.endpoint import Deployer
from workloads.deploy.manifests import render
from workloads.deploy.model import read_model
from workloads.deploy.optimum import NEURON_CONFIG, check_export
from workloads.deploy.package import Package, measure, publish
from workloads.deploy.pool import Wish, plan
from workloads.deploy.rollout import wait_for
from workloads.deploy.serving import PORT
from workloads.file_errors import sentences
from workloads.files import open_folder
from workloads.hardware import INSTANCES
from workloads.jobs.kubernetes import NAMESPACE
from workloads.jobs.pool import Pool
from workloads.submit.cluster import Cluster
from workloads.versions import VERSIONS

_POLL_SECONDS = 5.0


def upload(argv: Sequence[str]) -> None:
    """Check a model's folder and publish it: its files with checksums, and a manifest last."""
    options = _parser("upload", upload.__doc__)
    options.add_argument("--to", required=True, metavar="URI", help="a folder or s3://")
    options.add_argument(
        "--as-is",
        action="store_true",
        help="any folder, such as compiled artefacts: nothing is checked",
    )
    given = options.parse_args(argv)
    with _local(given.model) as path:
        if not given.as_is and not (path / NEURON_CONFIG).is_file():
            read_model(path)
        package = measure(path)
        publish(path, package, open_folder(given.to))
    print(f"{given.to} {package.sha256}")


def pool(argv: Sequence[str]) -> None:
    """Serve a published model with vLLM from a pool of the cluster, once it is compiled for it.

    The cluster is the kubeconfig's, and says what the pool is; --instance-type describes a pool
    without asking. Several replicas, or one of several devices: see --help of workloads.compile.
    """
    options = _parser("pool", pool.__doc__)
    add = options.add_argument
    add("--cache", required=True, metavar="URI", help="s3://, of compiled artefacts")
    add("--pool", required=True, metavar="NAME", help="where it runs")
    add("--name", required=True, help="what clients call it, and the Service")
    add("--tensor-parallel", type=count(1), metavar="N", help="cores: one device's, or all")
    add("--batch", type=count(1), default=1, metavar="N", help="sequences at once (%(default)s)")
    add("--sequence-length", type=count(1), metavar="N", help="tokens (the model's)")
    add("--dtype", choices=DTYPES, help="of the computation (bfloat16)")
    add("--replicas", type=count(1), default=1, metavar="N", help="(%(default)s)")
    add("--max-replicas", type=count(2), metavar="N", help="scales on the queue, through KEDA")
    add("--clients", metavar="CIDR", help="also serve these addresses of the VPC")
    add("--instance-type", choices=INSTANCES, metavar="TYPE", help="instead of asking the cluster")
    add("--allocator", choices=("device-plugin", "dra"), default="device-plugin")
    add("--lnc", type=count(1, 2), help="as the pool's configuration has it")
    add("--kubeconfig", metavar="FILE", help="(KUBECONFIG, or ~/.kube/config)")
    add("--context", metavar="NAME", help="of the kubeconfig (its current one)")
    ways = options.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="print the objects, create nothing")
    ways.add_argument("--wait", action="store_true", help="until every replica answers, or fails")
    given = options.parse_args(argv)
    described = given.dry_run and given.instance_type
    cluster = None if described else Cluster(kubeconfig=given.kubeconfig, context=given.context)
    where = (
        cluster.pool(given.pool)
        if cluster
        else Pool(
            name=given.pool,
            instance_type=given.instance_type,
            lnc=given.lnc,
            allocator=given.allocator,
        )
    )
    wish = Wish(
        name=given.name,
        model=given.model,
        cache=given.cache,
        tensor_parallel=given.tensor_parallel,
        batch=given.batch,
        sequence_length=given.sequence_length,
        dtype=given.dtype,
        region=_region(),
        replicas=given.replicas,
        most_replicas=given.max_replicas,
        clients=given.clients,
    )
    objects = render(plan(wish, where), where)
    if given.dry_run or cluster is None:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
        return
    for trial in (True, False):  # all of them are judged before the first is kept
        for each in objects:
            cluster.apply(each, trial=trial)
    if given.wait:
        wait_for(cluster, given.name, progress, lambda: time.sleep(_POLL_SECONDS))
        print(f"{given.name} answers: http://{given.name}.{NAMESPACE}:{PORT}/v1")
    else:
        print(f"{given.name} is deployed; the same command with --wait says when it answers")


def endpoint(argv: Sequence[str]) -> None:
    """Serve an exported folder from a SageMaker endpoint that its stack has created.

    The folder is what `optimum-cli export neuron` wrote. It is put beside the endpoint's present
    one, never over it; the endpoint is asked a question and goes back if it does not answer.
    """
    options = _parser("endpoint", endpoint.__doc__)
    options.add_argument("--endpoint", required=True, metavar="NAME")
    given = options.parse_args(argv)
    deployer = Deployer(_client("sagemaker"), _client("sagemaker-runtime"))
    with sentences(f"endpoint {given.endpoint}"):
        found = deployer.find(given.endpoint)
        [variant] = found.configuration["ProductionVariants"]
        with _local(given.model) as path:
            check_export(path, variant["InstanceType"])
            package = measure(path)
            uri = beside(found.uri, package)
            publish(path, package, open_folder(uri))
        image = VERSIONS.sagemaker.uri(_region())
        changed = deployer.deploy(found, uri, package, image=image)
    print(f"{given.endpoint} {'now serves' if changed else 'already served'} {uri}")


def bedrock(argv: Sequence[str]) -> None:
    """Import a model into Bedrock and print its row for the gateway's table of models.

    Repeating the command finds the same import again: its name contains the content's hash.
    """
    options = _parser("bedrock", bedrock.__doc__)
    add = options.add_argument
    add("--to", metavar="URI", help="s3:// prefix that the role may read (the storage stack's)")
    add("--name", required=True, help="what clients will call the model")
    add("--role", metavar="ARN", help="that Bedrock assumes to read it (the storage stack's)")
    add("--kms-key", metavar="ARN", help="encrypts the import; Bedrock's own key without it")
    given = options.parse_args(argv)
    if given.to is not None and not given.to.startswith("s3://"):
        raise InputError(f"--to {given.to} is not s3://bucket/prefix, from where Bedrock reads")
    if given.role and given.to is None:
        raise InputError("--role needs --to: the s3:// prefix that it may read")
    importer = into_bedrock.Importer(_client("bedrock"), _client("bedrock-runtime", attempts=1))
    with sentences(f"Bedrock import {given.name}"), _local(given.model) as path:
        into_bedrock.check(read_model(path))
        package = measure(path)
        name = into_bedrock.names(given.name, package.sha256)
        to, role = _import_place(given)
        uri = f"{to.rstrip('/')}/{package.sha256[:12]}"

        def send() -> str:
            publish(path, package, open_folder(uri))
            return uri

        model = importer.run(name, publish=send, role=role, kms_key=given.kms_key)
        importer.ask(model)
    print(into_bedrock.row(model, given.name))


def _import_place(given: Namespace) -> tuple[str, str]:
    """Where the model goes, and the role that reads it there."""
    if given.role:
        return given.to, given.role
    of = imports.choose(imports.find(_client("cloudformation")), given.to)
    return given.to or f"{of.prefix}/{given.name}", of.role


def beside(uri: str, package: Package) -> str:
    """Where the next version of an endpoint's model goes: `PREFIX.DIGEST`, beside `PREFIX`.

    The endpoint's role may read both. A dot and twelve digits at the end are a former version's.
    """
    base, dot, digest = uri.rpartition(".")
    former = dot and len(digest) == 12 and all(c in "0123456789abcdef" for c in digest)
    return f"{base if former else uri}.{package.sha256[:12]}"


def _parser(command: str, description: str | None) -> Parser:
    options = Parser(prog=f"python -m workloads.deploy {command}", description=description)
    options.add_argument("--model", required=True, metavar="URI", help="a folder or s3://")
    return options


@contextmanager
def _local(uri: str) -> Iterator[Path]:
    """The folder's files on this machine, for as long as they are needed."""
    folder = open_folder(uri)
    names = folder.names()
    if not names:
        raise InputError(f"{uri} has no files")
    with tempfile.TemporaryDirectory(prefix="deploy-") as scratch:
        yield folder.download(names, Path(scratch))


def _client(service: str, *, attempts: int = 5) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=120)
    with sentences(service):
        return boto3.Session().client(service, config=config)  # type: ignore[call-overload]


def _region() -> str:
    import boto3

    region = boto3.Session().region_name
    if region is None:
        raise InputError("no AWS region is configured: set AWS_REGION")
    return region
