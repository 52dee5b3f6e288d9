"""A gang as a SageMaker training job, through SageMaker's Python SDK. Not run on SageMaker.

The image has the code, so that the SDK uploads its own scripts only, into the bucket of --output.
Its torchrun driver is not used: it runs a script instead of a module, and tells EFA of
ml.trn1.32xlarge alone (sagemaker-train 1.27, distributed.py and container_drivers). A job that
fails is submitted again by the same command and goes on from its last checkpoint.
"""

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


def train(job: Job, pool: Pool, *, role: str, output: str, wait: bool) -> str:
    """The name of the training job that was created, and with `wait` has ended well.

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

    try:
        own = boto3.Session()
        own.client("s3").head_bucket(Bucket=bucket)  # the SDK would make one of a mistyped name
        session = Session(boto_session=own, default_bucket=bucket)
        trainer = _trainer(job, pool, role=role, output=output, session=session)
        trainer.train(wait=wait, logs=wait)
    except (BotoCoreError, ClientError) as error:
        raise StageError(f"AWS refuses the training job {job.name}: {error}") from error
    except Exception as error:  # the SDK has errors of many kinds of its own
        raise StageError(f"training job {job.name}: {' '.join(str(error).split())}") from error
    return str(trainer._latest_training_job.training_job_name)


def _trainer(job: Job, pool: Pool, *, role: str, output: str, session: Any) -> Any:
    from sagemaker.core.training.configs import (
        Compute,
        OutputDataConfig,
        SourceCode,
        StoppingCondition,
    )
    from sagemaker.train import ModelTrainer

    launcher = command(job)[: -len(job.command)]
    return ModelTrainer(
        sagemaker_session=session,
        role=role,
        base_job_name=job.name,
        training_image=job.image,
        # `command` is read by a shell, `args` are quoted.
        source_code=SourceCode(command=_in_shell(launcher), args=list(job.command)),
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
