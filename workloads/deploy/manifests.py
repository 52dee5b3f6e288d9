"""The Kubernetes objects of one served model: a Deployment and what stands around it.

Kinds: apps/v1, v1, policy/v1; keda.sh/v1alpha1, which only an autoscaled model needs.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workloads.command import InputError
from workloads.deploy.serving import COMPILED, PORT, WEIGHTS, Server
from workloads.jobs.job import Job, Part
from workloads.jobs.kubernetes import NAMESPACE, NEURON
from workloads.jobs.pods import template
from workloads.jobs.pool import Pool

PRIORITY = "serving"  # the cluster's class for pods that answer users
_SCRIPTS, _MODEL = "/scripts", "/model"
_LOADING = 3600  # seconds that weights may take onto the chips; nothing is compiled meanwhile
_SETTLE = 10  # seconds until no request is sent any more to a pod that ends
_PERIOD = 10  # of probes, in seconds
_GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Source:
    """A folder in S3 for a pod; `sha256` is that of its manifest, which names every file."""

    uri: str
    manifest: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One model on one pool. A pod has one device of a node, or all."""

    name: str
    server: Server
    tensor_parallel: int
    model: Source
    compiled: Source
    region: str  # of the bucket
    replicas: int = 1
    most_replicas: int | None = None  # None: their number is fixed
    waiting: int = 4  # requests that wait per replica, before there is one more
    drain_seconds: int = 300  # that answers under way are given when a pod ends
    clients: str | None = None  # CIDR of who may call it from outside the cluster


def render(deployment: Deployment, pool: Pool) -> list[dict[str, Any]]:
    """In the order of creation. InputError: the pool's nodes do not suit the model."""
    scripts = _scripts(deployment)
    objects = [
        scripts,
        _deployment(deployment, pool, scripts["metadata"]["name"]),
        _service(deployment),
        _object(
            deployment,
            "policy/v1",
            "PodDisruptionBudget",
            # One at a time: a share that must stay would block every drain of a single replica.
            {"maxUnavailable": 1, "selector": {"matchLabels": _labels(deployment)}},
        ),
    ]
    if deployment.most_replicas is not None:
        objects.append(_scaled_object(deployment, deployment.most_replicas))
    return objects


def devices(tensor_parallel: int, pool: Pool) -> int:
    """How many of a node's devices hold one copy of the model: one, or all."""
    chip = pool.hardware.chip
    total = pool.devices.get(NEURON, 0)
    if chip is None or not total:
        raise InputError(
            f"pool {pool.name}: its nodes, {pool.instance_type}, have no Neuron device"
        )
    cores = pool.processes // total
    for count in sorted({1, total}):
        if tensor_parallel == count * cores:
            return count
    legal = " or ".join(str(count * cores) for count in sorted({1, total}))
    raise InputError(
        f"tensor parallel over {tensor_parallel} cores does not fill the devices of a pod: on "
        f"{pool.instance_type} it is {legal} (a device has {cores} cores; a pod gets one device "
        "or all of a node's)"
    )


def _deployment(deployment: Deployment, pool: Pool, scripts: str) -> dict[str, Any]:
    one = deployment.replicas == 1 and deployment.most_replicas is None
    spec = {
        # An autoscaled one's number is the autoscaler's: applying again must not reset it.
        **({"replicas": deployment.replicas} if deployment.most_replicas is None else {}),
        "progressDeadlineSeconds": 2 * _LOADING,
        # A single copy stays until the new one answers, for which a device must be free; of
        # several, one gives its device to its successor.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}
            if one
            else {"maxSurge": 0, "maxUnavailable": 1},
        },
        "selector": {"matchLabels": _labels(deployment)},
        "template": {
            "metadata": {"labels": _labels(deployment)},
            "spec": _pod(deployment, pool, scripts),
        },
    }
    return _object(deployment, "apps/v1", "Deployment", spec)


def _pod(deployment: Deployment, pool: Pool, scripts: str) -> dict[str, Any]:
    count = devices(deployment.tensor_parallel, pool)
    job = Job(
        name=deployment.name,
        image=deployment.server.image,
        command=deployment.server.command,
        environment=deployment.server.environment,
        part=_share(pool, count),
        grace_seconds=deployment.drain_seconds + 30,
    )
    pod = cast(dict[str, Any], template(job, pool)["spec"])
    [main] = pod["containers"]
    main["name"] = "vllm"
    main["ports"] = [{"name": "http", "containerPort": PORT}]
    main |= _probes(deployment)
    mounts = [{"name": "model", "mountPath": _MODEL}, {"name": "scripts", "mountPath": _SCRIPTS}]
    main["volumeMounts"] += mounts
    if deployment.server.sealed:
        sealed = {"name": "model", "mountPath": COMPILED, "readOnly": True}
        main["volumeMounts"].append(sealed | {"subPath": COMPILED.removeprefix(f"{_MODEL}/")})
    size = deployment.model.bytes + deployment.compiled.bytes
    room = f"{size // _GIB * 11 // 10 + 2}Gi"  # what is fetched, and what the server writes itself
    main["resources"]["requests"]["ephemeral-storage"] = room
    pod["volumes"] += [
        {"name": "model", "emptyDir": {"sizeLimit": room}},
        {"name": "scripts", "configMap": {"name": scripts}},
    ]
    return pod | {
        "restartPolicy": "Always",
        "priorityClassName": PRIORITY,
        "initContainers": [
            _fetching(deployment, "model", deployment.model, WEIGHTS),
            _fetching(deployment, "compiled", deployment.compiled, COMPILED),
        ],
    }


def _share(pool: Pool, count: int) -> Part | None:
    """What a pod takes of its node besides devices; all of them: the node for itself."""
    total = pool.devices[NEURON]
    if count == total:
        return None
    hardware = pool.hardware
    return Part(
        devices=count,
        cpus=max(1, hardware.vcpus * count * 9 // (10 * total)),
        memory_gib=max(1, int(hardware.memory_gib * count * 4 / (5 * total))),
    )


def _fetching(deployment: Deployment, name: str, source: Source, folder: str) -> dict[str, Any]:
    arguments = [source.uri, source.manifest, folder, source.sha256]
    return {
        "name": f"fetch-{name}",
        "image": deployment.server.image,
        "command": ["python", f"{_SCRIPTS}/fetch.py", *arguments],
        "env": [{"name": "AWS_REGION", "value": deployment.region}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        "volumeMounts": [
            {"name": "model", "mountPath": _MODEL},
            {"name": "scripts", "mountPath": _SCRIPTS},
        ],
        "securityContext": {"allowPrivilegeEscalation": False},
    }


def _probes(deployment: Deployment) -> dict[str, Any]:
    """vLLM listens once the model is loaded and warm, so that any answer means ready."""
    ask = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    url = f"http://127.0.0.1:{PORT}/metrics"
    drain = ["python", f"{_SCRIPTS}/drain.py", url, str(_SETTLE), str(deployment.drain_seconds)]
    return {
        "startupProbe": ask | {"periodSeconds": _PERIOD, "failureThreshold": _LOADING // _PERIOD},
        "readinessProbe": ask | {"periodSeconds": _PERIOD, "failureThreshold": 3},
        # /health fails when the engine is dead; a busy one answers late, hence the patience.
        "livenessProbe": ask | {"periodSeconds": _PERIOD, "failureThreshold": 12},
        "lifecycle": {"preStop": {"exec": {"command": drain}}},
    }


def _service(deployment: Deployment) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "selector": _labels(deployment),
        "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
    }
    if deployment.clients is None:
        return _object(deployment, "v1", "Service", spec)
    # An internal Network Load Balancer of EKS's own controller: kubernetes/cloud-provider-aws,
    # docs/service_controller.md.
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    spec |= {"type": "LoadBalancer", "loadBalancerSourceRanges": [deployment.clients]}
    service = _object(deployment, "v1", "Service", spec)
    service["metadata"]["annotations"] = {f"{prefix}-type": "nlb", f"{prefix}-internal": "true"}
    return service


def _scaled_object(deployment: Deployment, most: int) -> dict[str, Any]:
    """KEDA asks the pods themselves for the length of their queues: no metrics server, no adapter.

    keda.sh/docs/2.20/scalers/metrics-api: the URL has the service's name and the pods' port, and
    every pod that is ready is asked. kedacore/keda, pkg/scalers/metrics_api_scaler.go (2.20.2): the
    first series with all labels counts. Only the sum, which is divided by the replicas, scales
    further than one step.
    """
    url = f"http://{deployment.name}.{NAMESPACE}.svc.cluster.local:{PORT}/metrics"
    trigger = {
        "type": "metrics-api",
        "metadata": {
            "url": url,
            "format": "prometheus",
            "valueLocation": f'vllm:num_requests_waiting{{model_name="{deployment.name}"}}',
            "targetValue": str(deployment.waiting),
            "aggregateFromKubeServiceEndpoints": "true",
            "aggregationType": "sum",
        },
    }
    spec = {
        "scaleTargetRef": {"name": deployment.name},
        "minReplicaCount": deployment.replicas,
        "maxReplicaCount": most,
        "pollingInterval": 15,
        "cooldownPeriod": 600,  # a copy takes minutes to load: do not give it up at once
        "triggers": [trigger],
    }
    return _object(deployment, "keda.sh/v1alpha1", "ScaledObject", spec)


def _scripts(deployment: Deployment) -> dict[str, Any]:
    """What the pods run of ours, named after its content: a new one comes with new pods."""
    folder = Path(__file__).parent / "pods"
    data = {name: (folder / name).read_text("utf-8") for name in ("drain.py", "fetch.py")}
    digest = hashlib.sha256("".join(data.values()).encode()).hexdigest()[:8]
    scripts = _object(deployment, "v1", "ConfigMap", None)
    scripts["metadata"]["name"] = f"{deployment.name}-scripts-{digest}"
    return scripts | {"immutable": True, "data": data}


def _labels(deployment: Deployment) -> dict[str, str]:
    return {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": deployment.name}


def _object(
    deployment: Deployment, api_version: str, kind: str, spec: Mapping[str, Any] | None
) -> dict[str, Any]:
    metadata = {
        "name": deployment.name,
        "namespace": NAMESPACE,
        "labels": _labels(deployment),
    }
    written = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    return written | ({"spec": dict(spec)} if spec is not None else {})
