"""A gang as a SageMaker training job, through SageMaker's Python SDK. Not run on SageMaker.

The image has the code, so that the SDK uploads its own scripts only, into the bucket of --output.
Its torchrun driver is not used: it runs a script instead of a module, and tells EFA of
ml.trn1.32xlarge alone (sagemaker-train 1.27, distributed.py and container_drivers).

A training job's name is never free again. It is a hash of what was asked for and the number of the
attempt, so that the same command finds its job; after one that failed it begins the next attempt,
which goes on from the last checkpoint.
"""

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from workloads.command import InputError, StageError
from workloads.jobs.environment import FIRST, INDEX, PORT, command, variables
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool

# What the SDK's scripts export in each container: container_drivers/scripts/environment.py.
_THEIRS = {INDEX: "SM_CURRENT_HOST_RANK", FIRST: "SM_MASTER_ADDR", PORT: "SM_MASTER_PORT"}
_CODE = "/app"  # where the image has it; the working directory is SageMaker's own
_VOLUME_GB = 512  # what Neuron asks of a Trainium host: aws-neuron-sdk, setup/pytorch/update-dlami


_OVER = ("Failed", "Stopped")  # TrainingJobStatus of an attempt that another may follow


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A training job, and whether it was created now."""

    name: str
    new: bool


def train(job: Job, pool: Pool, *, role: str, output: str, wait: bool) -> Attempt:
    """The training job of this specification: found, or created; with `wait`, ended well.

    InputError: it is not for SageMaker; StageError: AWS refused it, or it failed.
    """
    if not job.processes:
        raise InputError(f"SageMaker runs train; {job.name} is none that torchrun starts")
    bucket = urlsplit(output).netloc
    if urlsplit(output).scheme != "s3" or not bucket:
        raise InputError(f"--output {output} is no s3:// URI")

    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.resources import TrainingJob

    try:
        own = boto3.Session()
        own.client("s3").head_bucket(Bucket=bucket)  # the SDK would make one of a mistyped name
        attempt = _attempt(own.client("sagemaker"), _stem(job, pool, role=role, output=output))
        if attempt.new:
            session = Session(boto_session=own, default_bucket=bucket)
            trainer = _trainer(job, pool, role=role, output=output, session=session)
            request = trainer._create_training_job_args() | {"training_job_name": attempt.name}
            try:
                TrainingJob.create(session=own, **request)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceInUse":
                    raise
                attempt = replace(attempt, new=False)  # somebody else, just now
        if wait:
            TrainingJob.get(training_job_name=attempt.name, session=own).wait(logs=attempt.new)
    except (BotoCoreError, ClientError) as error:
        raise StageError(f"AWS refuses the training job {job.name}: {error}") from error
    except Exception as error:  # the SDK has errors of many kinds of its own
        raise StageError(f"training job {job.name}: {' '.join(str(error).split())}") from error
    return attempt


def _stem(job: Job, pool: Pool, **where: str) -> str:
    """What the names of all attempts begin with: the job's, and the specification's digest."""
    text = json.dumps([asdict(job), asdict(pool), where], sort_keys=True)
    return f"{job.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _attempt(client: Any, stem: str) -> Attempt:
    """The last attempt, if it runs or is done; else the next one."""
    pages = client.get_paginator("list_training_jobs").paginate(NameContains=f"{stem}-")
    numbers = {
        int(name.removeprefix(f"{stem}-")): row["TrainingJobStatus"]
        for page in pages
        for row in page["TrainingJobSummaries"]
        if (name := row["TrainingJobName"]).startswith(f"{stem}-")
    }
    last = max(numbers, default=0)
    new = numbers.get(last, _OVER[0]) in _OVER
    return Attempt(name=f"{stem}-{last + new}", new=new)


def _trainer(job: Job, pool: Pool, *, role: str, output: str, session: Any) -> Any:
    from sagemaker.core.training.configs import (
        Compute,
        OutputDataConfig,
        SourceCode,
        StoppingCondition,
    )
    from sagemaker.train import ModelTrainer

    launcher = _in_shell(command(job)[: -len(job.command)])
    if job.before:
        launcher = f"{shlex.join(job.before)} && {launcher}"
    return ModelTrainer(
        sagemaker_session=session,
        role=role,
        base_job_name=job.name,
        training_image=job.image,
        # `command` is read by a shell, `args` are quoted.
        source_code=SourceCode(command=launcher, args=list(job.command)),
        compute=Compute(
            instance_type=f"ml.{pool.instance_type}",
            instance_count=job.pods,
            volume_size_in_gb=_VOLUME_GB,
        ),
        environment=_environment(job, pool),
        output_data_config=OutputDataConfig(s3_output_path=output),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=job.deadline_seconds),
    )


def _in_shell(launcher: tuple[str, ...]) -> str:
    text = " ".join(launcher)
    for ours, theirs in _THEIRS.items():
        text = text.replace(f"$({ours})", f"${theirs}")
    return text


def _environment(job: Job, pool: Pool) -> dict[str, str]:
    """The job's, without where a JobSet's pods meet."""
    told = {**variables(job, pool), "PYTHONPATH": _CODE}
    return {name: value for name, value in told.items() if name not in (FIRST, PORT)}
