"""Whether a pool's nodes have passed the acceptance test."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from workloads.command import InputError
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool
from workloads.submit.state import state

RECENT = timedelta(days=7)


def require_acceptance(
    job: Job,
    pool: Pool,
    tests: Sequence[Mapping[str, Any]],
    nodes: Mapping[str, datetime],
    now: datetime,
) -> None:
    """InputError unless a recent test had every node that the pool has now.

    `tests`: the pool's acceptance JobSets; `nodes`: its nodes, and when each joined.
    A test takes whole nodes: one on as many pods as there are nodes has tested all of them.
    """
    repair = (
        f"test it with `python -m workloads.submit acceptance --pool {pool.name} "
        f"--nodes {max(job.pods, len(nodes))} --wait`"
    )
    passed = {_ended(test): _pods(test) for test in tests if state(test).ended}
    passed = {when: pods for when, pods in passed.items() if now - when <= RECENT}
    if not passed:
        raise InputError(
            f"pool {pool.name} has passed no acceptance test in the last {RECENT.days} days; "
            + repair
        )
    latest = max(passed)
    if passed[latest] < max(job.pods, len(nodes)):
        raise InputError(
            f"the last acceptance test of pool {pool.name} had {passed[latest]} nodes; the pool "
            f"has {len(nodes)} and {job.name} takes {job.pods}; {repair}"
        )
    if fresh := sorted(name for name, joined in nodes.items() if joined > latest):
        raise InputError(
            f"{fresh[0]} has joined pool {pool.name} since its last acceptance test; {repair}"
        )
    if len(nodes) < job.pods:
        raise InputError(
            f"pool {pool.name} has {len(nodes)} nodes now and {job.name} takes {job.pods}: those "
            f"that join are not tested; {repair}"
        )


def _ended(test: Mapping[str, Any]) -> datetime:
    [at] = [
        condition["lastTransitionTime"]
        for condition in test["status"]["conditions"]
        if condition["type"] == "Completed" and condition["status"] == "True"
    ]
    return datetime.fromisoformat(at).astimezone(UTC)


def _pods(test: Mapping[str, Any]) -> int:
    return int(test["spec"]["replicatedJobs"][0]["template"]["spec"]["completions"])
