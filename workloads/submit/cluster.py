"""The cluster's API, by the Kubernetes client, and what it answers as sentences.

The only file that imports the client, and only once somebody asks: it takes half a second.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from workloads.command import InputError, StageError
from workloads.jobs.kubernetes import JOBSET_API, NAMESPACE, POOL
from workloads.jobs.pool import KEY, Pool, config_map_name, read_pool

Object = Mapping[str, Any]

_KUEUE = "kueue.x-k8s.io/v1beta2"
_KINDS = {
    "JobSet": (JOBSET_API, "jobsets"),
    "Job": ("batch/v1", "jobs"),
    "Deployment": ("apps/v1", "deployments"),
}
_FIELD_MANAGER = "workloads"  # who has set a field, as server-side apply keeps it
_TIMEOUT_SECONDS = 30
_LAST_LINES = 20
_HOW_TO_CONNECT = "aws eks update-kubeconfig --name CLUSTER --region REGION"


class Cluster:
    """One cluster, seen through a kubeconfig's context. Every call may raise InputError, for what
    the user can put right, or StageError."""

    def __init__(self, *, kubeconfig: str | None = None, context: str | None = None) -> None:
        from kubernetes import client, config

        try:
            api = config.new_client_from_config(kubeconfig, context)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise InputError(
                f"no cluster is configured here ({' '.join(str(error).split())}); connect with "
                f"`{_HOW_TO_CONNECT}`, or name a --context of the kubeconfig; --dry-run with "
                "--instance-type needs no cluster"
            ) from None
        api.configuration.retries = 1
        self.server = str(api.configuration.host)
        # Its types say less than is true: of objects nothing, of fields that each may be missing.
        self._objects: Any = client.CustomObjectsApi(api)
        self._core: Any = client.CoreV1Api(api)
        self._apps: Any = client.AppsV1Api(api)
        self._policy: Any = client.PolicyV1Api(api)

    def pool(self, name: str) -> Pool:
        """The pool as its stack describes it."""
        what = f"pool {name}"
        with _answers(what, self.server, missing=self._no_pool(name)):
            found = self._core.read_namespaced_config_map(
                config_map_name(name), NAMESPACE, _request_timeout=_TIMEOUT_SECONDS
            )
        try:
            return read_pool(found.data or {})
        except (KeyError, ValueError, TypeError) as error:
            raise StageError(
                f"{NAMESPACE}/{config_map_name(name)} does not describe a pool: {KEY} {error}; "
                "deploy the pool's stack again"
            ) from error

    def require_queue(self, name: str) -> None:
        """InputError: the pool has no queue, or one that starts nothing."""
        path = (*_group(_KUEUE), NAMESPACE, "localqueues", name)
        with _answers(f"queue {name}", self.server, missing=self._no_pool(name)):
            queue = self._objects.get_namespaced_custom_object(
                *path, _request_timeout=_TIMEOUT_SECONDS
            )
        for condition in _conditions(queue):
            if condition.get("type") == "Active" and condition.get("status") == "False":
                raise StageError(
                    f"queue {name} starts no job: {condition.get('message') or 'no reason given'}"
                )

    def create(self, manifest: dict[str, Any]) -> bool:
        """Whether the object is new; False: there is one of its name."""
        from kubernetes.client import ApiException

        name, kind = manifest["metadata"]["name"], manifest["kind"]
        with _answers(f"{kind} {name}", self.server, missing=_no_kind(kind)):
            try:
                if kind == "Secret":
                    self._core.create_namespaced_secret(
                        NAMESPACE, manifest, _request_timeout=_TIMEOUT_SECONDS
                    )
                else:
                    self._objects.create_namespaced_custom_object(
                        *_path(kind), manifest, _request_timeout=_TIMEOUT_SECONDS
                    )
            except ApiException as error:
                if error.status != 409:
                    raise
                return False
        return True

    def apply(self, manifest: dict[str, Any], *, trial: bool = False) -> None:
        """Create the object or change it to this; what others have set of it stays theirs.

        `trial`: the API server judges it, and keeps nothing.
        """
        name, kind = manifest["metadata"]["name"], manifest["kind"]
        patches = {
            "ConfigMap": self._core.patch_namespaced_config_map,
            "Service": self._core.patch_namespaced_service,
            "Deployment": self._apps.patch_namespaced_deployment,
            "PodDisruptionBudget": self._policy.patch_namespaced_pod_disruption_budget,
            "ScaledObject": self._patch_scaled_object,
        }
        with _answers(f"{kind} {name}", self.server, missing=_no_kind(kind)):
            patches[kind](
                name,
                NAMESPACE,
                manifest,
                field_manager=_FIELD_MANAGER,
                force=True,
                _content_type="application/apply-patch+yaml",
                _request_timeout=_TIMEOUT_SECONDS,
                **({"dry_run": "All"} if trial else {}),
            )

    def _patch_scaled_object(self, name: str, namespace: str, body: Object, **options: Any) -> None:
        group, version = _group(str(body["apiVersion"]))
        self._objects.patch_namespaced_custom_object(
            group, version, namespace, "scaledobjects", name, body, **options
        )

    def read(self, kind: str, name: str) -> Object:
        with _answers(f"{kind} {name}", self.server, missing=f"{kind} {name} is gone"):
            return cast(
                Object,
                self._objects.get_namespaced_custom_object(
                    *_path(kind), name, _request_timeout=_TIMEOUT_SECONDS
                ),
            )

    def every(self, kind: str, labels: str) -> list[Object]:
        """The objects of a kind that have the labels, such as "pool=trn1"."""
        group = _path(kind) if kind in _KINDS else (*_group(_KUEUE), NAMESPACE, "workloads")
        with _answers(f"{kind}s", self.server, missing=_no_kind(kind)):
            found = self._objects.list_namespaced_custom_object(
                *group, label_selector=labels, _request_timeout=_TIMEOUT_SECONDS
            )
        return list(found["items"])

    def pods(self, labels: str) -> list[Object]:
        """The pods that have the labels."""
        with _answers("pods", self.server):
            found = self._core.list_namespaced_pod(
                NAMESPACE, label_selector=labels, _request_timeout=_TIMEOUT_SECONDS
            )
        return list(self._core.api_client.sanitize_for_serialization(found)["items"])

    def nodes(self, pool: str) -> dict[str, datetime]:
        """Name -> when it joined, of the pool's nodes."""
        with _answers("nodes", self.server):
            found = self._core.list_node(
                label_selector=f"{POOL}={pool}", _request_timeout=_TIMEOUT_SECONDS
            )
        return {node.metadata.name: node.metadata.creation_timestamp for node in found.items}

    def last_words(self, job: str) -> dict[str, str]:
        """Pod -> the end of its log, of those of a job's pods that failed."""
        with _answers(f"the pods of {job}", self.server):
            pods = self._core.list_namespaced_pod(
                NAMESPACE, label_selector=f"job={job}", _request_timeout=_TIMEOUT_SECONDS
            ).items
            return {
                pod.metadata.name: self._core.read_namespaced_pod_log(
                    pod.metadata.name,
                    NAMESPACE,
                    tail_lines=_LAST_LINES,
                    _request_timeout=_TIMEOUT_SECONDS,
                )
                for pod in pods
                if pod.status.phase == "Failed"
            }

    def _no_pool(self, name: str) -> str:
        return (
            f"the cluster at {self.server} has no pool {name!r}; deploy one of this name, or look "
            f"at `kubectl get localqueues --namespace {NAMESPACE}`"
        )


def _no_kind(kind: str) -> str:
    if kind == "ScaledObject":
        return (
            "scaling on the queue needs KEDA 2.20 or newer, which the cluster's stack installs "
            "once there is a Neuron pool; deploy it again, or leave out --max-replicas"
        )
    return (
        f"the cluster knows no {kind}, or has no namespace {NAMESPACE!r}; deploy the cluster's "
        "stack, which brings both"
    )


def _group(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.partition("/")
    return group, version


def _path(kind: str) -> tuple[str, str, str, str]:
    api_version, plural = _KINDS[kind]
    return (*_group(api_version), NAMESPACE, plural)


def _conditions(thing: Object) -> list[Object]:
    return thing.get("status", {}).get("conditions") or []


@contextmanager
def _answers(what: str, server: str, missing: str = "") -> Iterator[None]:
    """Turn what the client raises into sentences."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        said = _message(error)
        match error.status:
            case 401:
                raise InputError(
                    f"{server} does not know you (401): renew your AWS credentials, and connect "
                    f"with `{_HOW_TO_CONNECT}`"
                ) from None
            case 403:
                raise InputError(
                    f"you may not do this to {what}: {said}; ask for access to the namespace "
                    f"{NAMESPACE!r} (cluster.admins in the environment file)"
                ) from None
            case 404 if missing:
                raise InputError(missing) from None
            case 400 | 422:
                raise StageError(f"{server} refuses {what}: {said}") from None
        raise StageError(f"{server} answers {error.status} for {what}: {said}") from None
    except HTTPError as error:
        reason = getattr(error, "reason", None) or error
        raise StageError(
            f"{server} cannot be reached ({reason}); is the cluster's endpoint private, and you "
            "outside of its network?"
        ) from None


def _message(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
