"""How a job in the cluster is doing, in words, from what Kubernetes and Kueue say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class State:
    """`ended` is None while it goes on, else whether it did its work."""

    text: str
    ended: bool | None = None


def state(thing: Object, workloads: Sequence[Object] = ()) -> State:
    """Of a JobSet or Job; `workloads`: Kueue's objects for it, which say why it waits."""
    spec, status = thing["spec"], thing.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions") or [] if c["status"] == "True"}
    if "Failed" in conditions:
        return State(text=f"failed: {_said(conditions['Failed'])}", ended=False)
    if conditions.keys() & {"Completed", "Complete"}:
        return State(text="done", ended=True)
    if spec.get("suspend"):
        return State(text=_waiting(workloads))
    if thing["kind"] == "JobSet":
        [row] = status.get("replicatedJobsStatus") or [{}]
        pods = spec["replicatedJobs"][0]["template"]["spec"]["parallelism"]
        text = f"{pods} pods run" if row.get("ready") else f"{pods} pods start"
        restarts = status.get("restarts", 0)
        return State(text=f"{text}, after {restarts} restarts" if restarts else text)
    done, of = status.get("succeeded", 0), spec["completions"]
    return State(text=f"{status.get('ready', 0)} pods run, {done} of {of} tasks are done")


def _waiting(workloads: Sequence[Object]) -> str:
    for workload in workloads:
        for condition in workload.get("status", {}).get("conditions") or []:
            if condition["type"] == "QuotaReserved" and condition["status"] == "False":
                return f"waits in its queue: {_said(condition)}"
    return "waits in its queue"


def _said(condition: Object) -> str:
    return str(condition.get("message") or condition.get("reason") or "no reason is given")
