"""What every workload finds in the cluster: its namespace, its account, priorities."""

from typing import Any

from stacks.shared.kubernetes import NAMESPACE, SERVICE_ACCOUNT

# Of two jobs in a queue the higher goes first, and takes the place of a lower one. Kueue alone
# reads these: a priority of pods would make the scheduler evict single pods, and break a gang.
_JOBS = {
    "training": (100, "resumes from its checkpoint"),
    "batch": (10, "preparation and compilation: repeats what it lost"),
}
# Servers are in no queue. Their pods take a node's devices from any job's.
_SERVING = (1000, "answers users who wait")


def workload_objects() -> list[dict[str, Any]]:
    """The namespace with its service account, and a class for each priority."""
    value, description = _SERVING
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {
                    # Devices come by resources, pinned memory by the node: no pod needs more.
                    "pod-security.kubernetes.io/enforce": "baseline",
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE},
            # AWS knows the pod by Pod Identity's own token; Kubernetes need not know it.
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "serving"},
            "value": value,
            "description": description,
        },
        *(
            {
                "apiVersion": "kueue.x-k8s.io/v1beta2",
                "kind": "WorkloadPriorityClass",
                "metadata": {"name": name},
                "value": value,
                "description": description,
            }
            for name, (value, description) in _JOBS.items()
        ),
    ]
