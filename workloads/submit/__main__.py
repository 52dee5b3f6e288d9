"""Run a stage on a pool of the cluster, on SageMaker, or as processes of this machine.

python -m workloads.submit train --pool trn1 --nodes 4 --wait -- --data s3://… --out s3://…
python -m workloads.submit acceptance --pool trn1 --nodes 4 --wait
python -m workloads.submit job --from jobs.json --name compile-1a2b --pool epyc
python -m workloads.submit train --local --nodes 2 -- --data data --out run

What follows -- is the stage's own. The cluster is the kubeconfig's, and what it says of the pool
decides devices, interfaces, environment and image; --instance-type instead describes a pool without
asking. The same command again finds the job that it started.
"""

import json
import os
import signal
import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from workloads.command import InputError, Parser, StageError, count, end, progress, run
from workloads.hardware import INSTANCES
from workloads.jobs.images import image
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool
from workloads.jobs.render import render
from workloads.submit.accepted import require_acceptance
from workloads.submit.cluster import Cluster
from workloads.submit.files import read_job
from workloads.submit.follow import Submitted, follow, submit
from workloads.submit.keys import secret_for
from workloads.submit.local import run_here
from workloads.submit.precompiled import precompiled
from workloads.submit.stages import ACCEPTANCE, STAGES, Wish

_POLL_SECONDS = 5.0
_HERE = Pool(name="local", instance_type="m7a.large")  # a CPU, as this machine has
_JOB = "job"  # in place of a stage: described in a file


def parser() -> Parser:
    options = Parser(prog="python -m workloads.submit", description=__doc__)
    add = options.add_argument
    add("stage", choices=[*STAGES, _JOB], metavar="STAGE", help=", ".join([*STAGES, _JOB]))
    add("--name", help="the job's (the stage's)")
    add("--pool", metavar="NAME", help="where it runs")
    add("--nodes", type=count(1), default=1, metavar="N", help="(%(default)s)")
    add("--image", metavar="URI", help="(the pool's, from the account's registry)")
    add("--processes", type=count(1), metavar="N", help="of train on each node (one per core)")
    add("--env", type=_variable, action="append", default=[], metavar="NAME=VALUE")
    add("--retries", type=count(0), metavar="N", help="(train 10, acceptance 0, others 3)")
    add("--hours", type=float, metavar="N", help="until an attempt is given up")
    add("--from", dest="file", metavar="FILE", help="of `job`: what compile wrote; - is stdin")
    add(
        "--precompiled",
        metavar="URI",
        help="of train: only with graphs that this cache, s3://, has; pods fetch them first",
    )
    add("--require-acceptance", action="store_true", help="only on nodes that passed it")
    pool = options.add_argument_group("a pool, instead of asking the cluster for it")
    pool.add_argument("--instance-type", choices=INSTANCES, metavar="TYPE")
    pool.add_argument("--allocator", choices=("device-plugin", "dra"), default="device-plugin")
    pool.add_argument("--lnc", type=count(1, 2), help="as the pool's configuration has it")
    where = options.add_argument_group("where to")
    ways = where.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="print the object, and create nothing")
    ways.add_argument("--local", action="store_true", help="as processes of this machine")
    ways.add_argument("--sagemaker", action="store_true", help="as a SageMaker training job")
    where.add_argument(
        "--kubeconfig", default=os.environ.get("KUBECONFIG"), metavar="FILE",
        help="(KUBECONFIG, or ~/.kube/config)",
    )  # fmt: skip
    where.add_argument("--context", metavar="NAME", help="of the kubeconfig (its current one)")
    where.add_argument("--role", metavar="ARN", help="of the SageMaker job")
    where.add_argument("--output", metavar="URI", help="s3:// for the SageMaker job's artefacts")
    add("--wait", action="store_true", help="until it has ended; exit code 1 if it failed")
    add("--json", action="store_true", help="print what was submitted as JSON")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    own, arguments = given, []
    if "--" in given:
        at = given.index("--")
        own, arguments = given[:at], given[at + 1 :]
    return run("submit", lambda: work(parser().parse_args(own), tuple(arguments)))


def work(options: Namespace, arguments: tuple[str, ...]) -> None:
    cluster = None
    if not (options.local or options.sagemaker or (options.dry_run and options.instance_type)):
        cluster = Cluster(kubeconfig=options.kubeconfig, context=options.context)
    pool = pool_of(options, cluster)
    job = job_of(options, arguments, pool)
    if options.local:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        run_here(job, pool, environment=dict(os.environ), say=print)
    elif options.sagemaker:
        _sagemaker(options, job, pool)
    elif options.dry_run:
        print(json.dumps(render(job, pool), indent=2))
    elif cluster:
        _cluster(options, cluster, job, pool)


def pool_of(options: Namespace, cluster: Cluster | None) -> Pool:
    if options.instance_type:
        hardware = INSTANCES[options.instance_type]
        return Pool(
            name=options.pool or hardware.family,
            instance_type=hardware.name,
            efa=bool(hardware.efa_interfaces),
            lnc=options.lnc,
            allocator=options.allocator,
        )
    if cluster is None:
        if options.sagemaker:
            raise InputError("--sagemaker needs --instance-type, such as trn1.32xlarge")
        return _HERE
    if not options.pool:
        raise InputError("--pool names where the job runs; it is missing")
    return cluster.pool(options.pool)


def job_of(options: Namespace, arguments: tuple[str, ...], pool: Pool) -> Job:
    if options.stage == _JOB:
        if not options.file:
            raise InputError("job needs --from: the file that describes it")
        return read_job(options.file, options.name, options.image)
    wish = Wish(
        name=options.name or options.stage,
        image=options.image or ("none" if options.local else image(pool)),
        arguments=arguments,
        nodes=options.nodes,
        processes=options.processes,
        environment=dict(options.env),
        retries=options.retries,
        hours=options.hours,
    )
    job = STAGES[options.stage](wish, pool)
    if options.precompiled:
        return precompiled(job, pool, options.precompiled, arguments)
    return job


def _cluster(options: Namespace, cluster: Cluster, job: Job, pool: Pool) -> None:
    manifest = render(job, pool)
    cluster.require_queue(pool.name)
    if options.require_acceptance:
        label = ",".join(f"{k}={v}" for k, v in {**ACCEPTANCE, "pool": pool.name}.items())
        tests, nodes = cluster.every("JobSet", label), cluster.nodes(pool.name)
        require_acceptance(job, pool, tests, nodes, datetime.now(UTC))
    submitted = submit(cluster, manifest)
    if job.secret and submitted.state.ended is None:
        cluster.create(secret_for(job, cluster.read(submitted.kind, submitted.name)))
    if options.wait:
        submitted = follow(cluster, submitted, progress, lambda: time.sleep(_POLL_SECONDS))
    _tell(options, submitted)
    if submitted.state.ended is False:
        raise StageError(f"{submitted.kind} {submitted.name} {submitted.state.text}")


def _tell(options: Namespace, submitted: Submitted) -> None:
    if options.json:
        print(json.dumps(asdict(submitted)))
    else:
        how = "is submitted" if submitted.new else "was there already"
        print(f"{submitted.kind} {submitted.name} {how}: {submitted.state.text}")


def _sagemaker(options: Namespace, job: Job, pool: Pool) -> None:
    from workloads.submit.sagemaker import train

    if not (options.role and options.output):
        raise InputError("--sagemaker needs --role, an ARN, and --output, an s3:// URI")
    found = train(job, pool, role=options.role, output=options.output, wait=options.wait)
    if options.json:
        print(json.dumps({"training_job": found.name, "new": found.new}))
    else:
        how = "is submitted" if found.new else "was there already"
        print(f"training job {found.name} {how}")


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    end(main)
