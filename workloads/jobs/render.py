"""A job as a Kubernetes object: gangs are JobSets, tasks are indexed Jobs."""

import hashlib
import json
from typing import Any, cast

from workloads.command import InputError
from workloads.jobs.environment import REPLICATED_JOB
from workloads.jobs.job import Job
from workloads.jobs.kubernetes import (
    JOBSET_API,
    NAMESPACE,
    POOL,
    PRIORITY,
    QUEUE,
    IndexedJob,
    JobSet,
    JobSpec,
    Metadata,
    PodFailurePolicy,
    PodFailureRule,
)
from workloads.jobs.pods import template
from workloads.jobs.pool import Pool

DIGEST = "workloads/specification"  # the annotation that tells one specification from another
_KEPT_SECONDS = 7 * 24 * 3600  # how long a finished job can be looked at

_USAGE = 2  # the exit code of a stage whose user asked for the impossible: once is enough
# batch/v1, and JobSet's failure reasons: what a Job says when one of its rules failed it.
_BY_POLICY = "PodFailurePolicy"


def render(job: Job, pool: Pool) -> dict[str, Any]:
    """The object, ready for an API server; Kueue starts it once there is room for all of it.

    InputError: the pool cannot hold the job.
    """
    if job.gang and pool.max_nodes is not None and job.pods > pool.max_nodes:
        raise InputError(
            f"{job.name} needs {job.pods} nodes at once, and pool {pool.name} grows to "
            f"{pool.max_nodes}; ask for fewer, or raise the pool's max_nodes"
        )
    body = cast(dict[str, Any], _job_set(job, pool) if job.gang else _indexed_job(job, pool))
    text = json.dumps(body, sort_keys=True)
    body["metadata"]["annotations"][DIGEST] = hashlib.sha256(text.encode()).hexdigest()
    return body


def _job_set(job: Job, pool: Pool) -> JobSet:
    spec = _job_spec(job, pool, {"rules": [_usage_fails()]})
    if job.first_decides:
        spec["successPolicy"] = {"rules": [{"succeededIndexes": "0"}]}
    spec["backoffLimit"] = 0  # one lost pod fails the Job, and the JobSet begins all of them anew
    return {
        "apiVersion": JOBSET_API,
        "kind": "JobSet",
        "metadata": _metadata(job, pool),
        "spec": {
            "suspend": True,
            "network": {"enableDNSHostnames": True},
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "failurePolicy": {
                "maxRestarts": job.retries,
                "rules": [
                    {
                        "name": "usage",
                        "action": "FailJobSet",
                        "onJobFailureReasons": [_BY_POLICY],
                    }
                ],
            },
            "replicatedJobs": [
                {"name": REPLICATED_JOB, "replicas": 1, "template": {"spec": spec}},
            ],
        },
    }


def _indexed_job(job: Job, pool: Pool) -> IndexedJob:
    failing: PodFailurePolicy = {
        "rules": [
            _usage_fails(),
            # A node that Spot or Kueue takes away is nobody's failure.
            {
                "action": "Ignore",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
        ]
    }
    spec = _job_spec(job, pool, failing)
    spec["suspend"] = True
    spec["backoffLimitPerIndex"] = job.retries
    spec["maxFailedIndexes"] = 0
    spec["ttlSecondsAfterFinished"] = _KEPT_SECONDS
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(job, pool),
        "spec": spec,
    }


def _job_spec(job: Job, pool: Pool, failing: PodFailurePolicy) -> JobSpec:
    return {
        "completionMode": "Indexed",
        "completions": job.pods,
        "parallelism": min(job.at_once or job.pods, job.pods),
        "podFailurePolicy": failing,
        "activeDeadlineSeconds": job.deadline_seconds,
        "template": template(job, pool),
    }


def _usage_fails() -> PodFailureRule:
    return {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [_USAGE]}}


def _metadata(job: Job, pool: Pool) -> Metadata:
    return {
        "name": job.name,
        "namespace": NAMESPACE,
        "labels": {QUEUE: pool.name, PRIORITY: job.priority, POOL: pool.name, **job.labels},
        "annotations": {},
    }
