"""Hand a job to the cluster, and watch it until it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from workloads.command import InputError
from workloads.jobs.kubernetes import NAMESPACE
from workloads.jobs.render import DIGEST
from workloads.submit.state import Object, State, state

_OWNER = "kueue.x-k8s.io/job-uid"  # the label by which Kueue's object for a job is found


class Objects(Protocol):
    """What is asked of a cluster here."""

    def create(self, manifest: dict[str, Any]) -> bool: ...
    def read(self, kind: str, name: str) -> Object: ...
    def every(self, kind: str, labels: str) -> list[Object]: ...
    def last_words(self, job: str) -> dict[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A job in the cluster, and how it was when it was last looked at."""

    kind: str
    name: str
    new: bool
    state: State


def submit(cluster: Objects, manifest: dict[str, Any]) -> Submitted:
    """Create the job; the same one submitted before is found again.

    InputError: there is another job of its name.
    """
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    new = cluster.create(manifest)
    found = cluster.read(kind, name)
    digests = [thing["metadata"].get("annotations", {}).get(DIGEST) for thing in (manifest, found)]
    if digests[0] != digests[1]:
        raise InputError(
            f"there is another {kind} {name!r} already; give this one another --name, or remove "
            f"that one with `kubectl delete {kind.lower()} {name} --namespace {NAMESPACE}`"
        )
    return Submitted(kind=kind, name=name, new=new, state=_state(cluster, found))


def follow(
    cluster: Objects, job: Submitted, say: Callable[[str], None], pause: Callable[[], None]
) -> Submitted:
    """Say what changes, until the job has ended; if it failed, also what its pods said last."""
    now = job.state
    say(f"{job.name}: {now.text}")
    while now.ended is None:
        pause()
        before, now = now, _state(cluster, cluster.read(job.kind, job.name))
        if now != before:
            say(f"{job.name}: {now.text}")
    if not now.ended:
        for pod, text in cluster.last_words(job.name).items():
            for line in text.splitlines():
                say(f"{pod}: {line}")
    return Submitted(kind=job.kind, name=job.name, new=job.new, state=now)


def _state(cluster: Objects, thing: Object) -> State:
    workloads: list[Object] = []
    if thing["spec"].get("suspend"):
        workloads = cluster.every("Workload", f"{_OWNER}={thing['metadata']['uid']}")
    return state(thing, workloads)
