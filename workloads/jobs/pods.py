"""The pods of a job: which nodes they go to, and what they take of them."""

from workloads.command import InputError
from workloads.jobs.environment import RESERVED_PORTS, command, variables
from workloads.jobs.images import located
from workloads.jobs.job import FETCHED, SECRETS, Job
from workloads.jobs.kubernetes import (
    GPU,
    INSTANCE_TYPE,
    NEURON,
    POOL,
    SERVICE_ACCOUNT,
    Mount,
    PodSpec,
    PodTemplate,
    Resources,
    Toleration,
    Volume,
)
from workloads.jobs.pool import Pool

_CLAIM = "neuron"
_HUGEPAGES = "hugepages-2Mi"


def template(job: Job, pool: Pool) -> PodTemplate:
    """InputError: the pool's nodes do not have what a pod asks for."""
    devices = _devices(job, pool)
    volumes, mounts = _files(job)
    spec: PodSpec = {
        "serviceAccountName": SERVICE_ACCOUNT,  # Pod Identity gives it its role
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": job.grace_seconds,
        "nodeSelector": {POOL: pool.name, INSTANCE_TYPE: pool.instance_type},
        "tolerations": _tolerations(pool),
        "containers": [
            {
                "name": "main",
                "image": located(job.image, pool),
                "command": list(command(job)),
                "env": [{"name": k, "value": v} for k, v in variables(job, pool).items()],
                "resources": _resources(job, pool, devices),
                "volumeMounts": mounts,
                "securityContext": {"allowPrivilegeEscalation": False},
            }
        ],
        "volumes": volumes,
    }
    if job.before:
        [main] = spec["containers"]
        # What it takes is asked for in turn, not on top of what the command takes.
        some: Resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
        spec["initContainers"] = [
            {**main, "name": "before", "command": list(job.before), "resources": some}
        ]
    if job.gang:
        name = "net.ipv4.ip_local_reserved_ports"
        spec["securityContext"] = {"sysctls": [{"name": name, "value": RESERVED_PORTS}]}
    if NEURON in devices and pool.allocator == "dra":
        whole = "node" if devices[NEURON] == pool.devices[NEURON] else "device"
        spec["resourceClaims"] = [
            {"name": _CLAIM, "resourceClaimTemplateName": f"{pool.name}-{whole}"}
        ]
    return {"metadata": {"labels": {"job": job.name}}, "spec": spec}


def _files(job: Job) -> tuple[list[Volume], list[Mount]]:
    # The 64 MiB that a container has at /dev/shm by default are full at once, and a collective then
    # dies of a bus error: aws-neuron-sdk, deploy/eks/dra.rst. It counts as the pod's memory.
    volumes: list[Volume] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    mounts: list[Mount] = [{"name": "shm", "mountPath": "/dev/shm"}]
    if job.before:
        volumes.append({"name": "fetched", "emptyDir": {}})
        mounts.append({"name": "fetched", "mountPath": FETCHED})
    if job.secret:
        volumes.append(
            {"name": "secret", "secret": {"secretName": job.secret, "defaultMode": 0o400}}
        )
        mounts.append({"name": "secret", "mountPath": SECRETS})
    return volumes, mounts


def _devices(job: Job, pool: Pool) -> dict[str, int]:
    """Resource -> how many a pod takes."""
    if job.part is None:
        return dict(pool.devices)
    if not job.part.devices:
        return {}
    kind = next((name for name in (NEURON, GPU) if name in pool.devices), None)
    if kind is None:
        raise InputError(f"{pool.name}: its nodes, {pool.instance_type}, have no accelerator")
    # Several but not all need Neuron's scheduler, which knows who is whose neighbour:
    # aws-neuron-sdk, deploy/infrastructure/scheduler.rst.
    if job.part.devices not in (1, pool.devices[kind]):
        raise InputError(
            f"{job.name}: {job.part.devices} devices of a node with {pool.devices[kind]}; "
            f"ask for one or all"
        )
    return {kind: job.part.devices}


def _resources(job: Job, pool: Pool, devices: dict[str, int]) -> Resources:
    limits = {name: str(count) for name, count in devices.items()}
    if pool.allocator == "dra":
        limits.pop(NEURON, None)
    if job.part is None:
        if pool.hugepages:
            limits[_HUGEPAGES] = f"{2 * pool.hugepages}Mi"
        requests = {"cpu": _cpus(pool), "memory": _memory(pool)}
    else:
        room = pool.hardware
        if job.part.cpus > room.vcpus or job.part.memory_gib > room.memory_gib:
            raise InputError(
                f"{job.name}: a pod asks for {job.part.cpus} CPUs and {job.part.memory_gib} GiB, "
                f"and {pool.instance_type} has {room.vcpus} and {room.memory_gib:g}"
            )
        limits["memory"] = f"{job.part.memory_gib}Gi"  # so that it does not take its neighbours'
        requests = {"cpu": str(job.part.cpus), "memory": limits["memory"]}
    resources: Resources = {"requests": requests | limits}
    if limits:
        resources["limits"] = limits
    if NEURON in devices and pool.allocator == "dra":
        resources["claims"] = [{"name": _CLAIM}]
    return resources


def _cpus(pool: Pool) -> str:
    """All but those of the kubelet and the node's own pods, as a quantity.

    The kubelet keeps 60 to 600 thousandths of a CPU: awslabs/amazon-eks-ami, nodeadm, kubelet
    configuration. The node's pods ask for some 200 more.
    """
    thousandths = 1000 * pool.hardware.vcpus
    return f"{thousandths - max(400, thousandths // 20)}m"


def _memory(pool: Pool) -> str:
    """Four fifths of what the pages leave, as a quantity; a pod may use what else is free.

    The kubelet keeps 255 MiB and 11 MiB for each pod that fits the node (nodeadm, as above), and
    the kernel shows less than is built in.
    """
    mebibytes = int(1024 * pool.hardware.memory_gib) - 2 * pool.hugepages
    return f"{min(mebibytes * 4 // 5, mebibytes - 1280)}Mi"


def _tolerations(pool: Pool) -> list[Toleration]:
    return [
        {"key": name, "operator": "Exists", "effect": "NoSchedule"}
        for name in (NEURON, GPU)
        if name in pool.devices
    ]
