"""Wait until a Deployment's pods are those that were asked for, and answer."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from workloads.command import StageError

_LATE = "ProgressDeadlineExceeded"  # apps/v1, Deployment's condition Progressing
# Why a container that waits will not begin by itself: core/v1, ContainerStateWaiting's reasons.
_STUCK = ("ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff", "CreateContainerConfigError")


class Pods(Protocol):
    """What is asked of a cluster here."""

    def read(self, kind: str, name: str) -> Mapping[str, Any]: ...
    def pods(self, labels: str) -> list[Mapping[str, Any]]: ...


def wait_for(
    cluster: Pods, name: str, say: Callable[[str], None], pause: Callable[[], None]
) -> None:
    """Say what changes, until every replica is new and answers. StageError: they do not in time.

    The Deployment says how long that may be; what its pods wait for is said meanwhile.
    """
    said = ""
    while True:
        deployment = cluster.read("Deployment", name)
        text, done = _state(deployment)
        waits = _waiting(cluster.pods(f"app.kubernetes.io/instance={name}"))
        now = "; ".join([text, *waits])
        if now != said:
            say(f"{name}: {now}")
            said = now
        if done:
            return
        late = _condition(deployment, "Progressing")
        if late.get("reason") == _LATE:
            raise StageError(f"{name} does not come up: {now} ({late.get('message', _LATE)})")
        pause()


def _state(deployment: Mapping[str, Any]) -> tuple[str, bool]:
    """As `kubectl rollout status` judges it."""
    status = deployment.get("status", {})
    wanted = deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    new = status.get("updatedReplicas", 0) if seen else 0
    ready = status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - new
    text = f"{new} of {wanted} replicas are new, {min(ready, wanted)} answer"
    return text, seen and new >= wanted and old <= 0 and ready >= wanted


def _waiting(pods: list[Mapping[str, Any]]) -> list[str]:
    """What pods say that they wait for."""
    found = set()
    for pod in pods:
        status = pod.get("status", {})
        for condition in status.get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                found.add(f"a pod finds no node: {condition.get('message', '')}")
        for container in (
            *(status.get("initContainerStatuses") or []),
            *(status.get("containerStatuses") or []),
        ):
            waiting = container.get("state", {}).get("waiting") or {}
            if waiting.get("reason") in _STUCK:
                found.add(f"{container['name']} waits: {waiting['reason']}")
    return sorted(found)


def _condition(deployment: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = deployment.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})
