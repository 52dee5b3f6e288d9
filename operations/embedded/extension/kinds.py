"""Kinds of Kubernetes objects: those that charts add, and how the others are treated."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CustomKinds:
    """What a chart of one release brings."""

    release: str  # major and minor
    api_versions: frozenset[str]
    namespaced: frozenset[str]
    for_cluster: frozenset[str] = frozenset()
    kept: bool  # Helm leaves the kinds of a chart's crds folder; those of its templates go with it

    @property
    def names(self) -> frozenset[str]:
        return self.namespaced | self.for_cluster


CHARTS = {
    # https://github.com/kubernetes-sigs/kueue/tree/v0.19.2/charts/kueue/templates/crd
    "kueue": CustomKinds(
        release="0.19",
        api_versions=frozenset({"kueue.x-k8s.io/v1beta1", "kueue.x-k8s.io/v1beta2"}),
        namespaced=frozenset({"LocalQueue", "Workload"}),
        for_cluster=frozenset(
            {
                "AdmissionCheck",
                "ClusterQueue",
                "Cohort",
                "MultiKueueCluster",
                "MultiKueueConfig",
                "ProvisioningRequestConfig",
                "ResourceFlavor",
                "Topology",
                "WorkloadPriorityClass",
            }
        ),
        kept=False,
    ),
    # https://github.com/kubernetes-sigs/jobset/tree/v0.12.0/charts/jobset/crds
    "jobset": CustomKinds(
        release="0.12",
        api_versions=frozenset({"jobset.x-k8s.io/v1alpha2"}),
        namespaced=frozenset({"JobSet"}),
        kept=True,
    ),
}
# Kubernetes' own, as `kubectl api-resources --namespaced=false` lists them, and the charts'.
FOR_CLUSTER = frozenset(
    {
        "APIService",
        "CSIDriver",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "DeviceClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
).union(*(kinds.for_cluster for kinds in CHARTS.values()))
# What `kubectl apply --prune` may delete unless it is told more, and the CDK's function tells
# nothing: kubernetes/kubectl, pkg/util/prune/prune.go.
PRUNED = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Endpoints",
        "Ingress",
        "Job",
        "Namespace",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "Secret",
        "Service",
        "StatefulSet",
    }
)
