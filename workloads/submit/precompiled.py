"""Training that may begin only with graphs that are compiled: asked for before a node is bought."""

from dataclasses import replace

from workloads.artefacts.consumer import environment
from workloads.artefacts.store import require
from workloads.artefacts.training import key_of_run, table
from workloads.command import InputError
from workloads.dataset import read_dataset
from workloads.files import open_folder
from workloads.jobs.job import FETCHED, Job
from workloads.jobs.pool import Pool

GRAPHS = f"{FETCHED}/graphs"


def precompiled(job: Job, pool: Pool, cache: str, options: tuple[str, ...]) -> Job:
    """The job, whose pods first fetch the graphs of a run with these `options` of workloads.train.

    StageError: they are not all compiled; it names what is missing. InputError: none can be.
    """
    if not job.processes:
        raise InputError(
            f"--precompiled is for train, whose graphs are compiled; not for {job.name}"
        )
    if job.processes != pool.processes:
        raise InputError(
            f"--precompiled wants a process for each of the {pool.processes} cores of a node, for"
            f" which graphs are compiled, not {job.processes}: leave out --processes"
        )
    if not cache.startswith("s3://"):
        raise InputError(f"--precompiled {cache} is no s3:// URI, which is where pods fetch from")
    data = table(options).get("data")
    if not data:
        raise InputError("--precompiled needs the run's --data: its shape is part of the graphs")
    key = key_of_run(
        pool.instance_type,
        nodes=job.pods,
        options=options,
        dataset=read_dataset(open_folder(data)),
    )
    require(open_folder(cache), [key])
    prewarm = ("cache", "prewarm", key.name, "--cache", cache, "--into", GRAPHS)
    return replace(
        job,
        before=("python", "-m", "workloads.compile", *prewarm),
        environment={**environment(key, GRAPHS), **job.environment},
    )
