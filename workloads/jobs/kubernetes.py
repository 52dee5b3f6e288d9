"""The shapes of the Kubernetes objects that jobs are written as: only what is used of them.

Fields: Kubernetes' batch/v1 and core/v1; kubernetes-sigs/jobset, v1alpha2, 0.12.
"""

from typing import NotRequired, TypedDict

# Names that the cluster's stacks gave; a test holds them together.
NAMESPACE = "workloads"
SERVICE_ACCOUNT = "workload"
NEURON, GPU, EFA = "aws.amazon.com/neuron", "nvidia.com/gpu", "vpc.amazonaws.com/efa"
POOL, INSTANCE_TYPE = "pool", "node.kubernetes.io/instance-type"  # labels of nodes
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"  # labels of jobs
JOBSET_API = "jobset.x-k8s.io/v1alpha2"


class Metadata(TypedDict):
    """An object's."""

    name: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]


class _PodMetadata(TypedDict):
    labels: dict[str, str]


class _Variable(TypedDict):
    name: str
    value: str


class _Claim(TypedDict):
    name: str


class Resources(TypedDict):
    """What a container takes of a node."""

    requests: dict[str, str]
    limits: NotRequired[dict[str, str]]
    claims: NotRequired[list[_Claim]]


class Mount(TypedDict):
    """Where a container sees a volume."""

    name: str
    mountPath: str


class _Container(TypedDict):
    name: str
    image: str
    command: list[str]
    env: list[_Variable]
    resources: Resources
    volumeMounts: list[Mount]
    securityContext: dict[str, bool]


class _Secret(TypedDict):
    secretName: str
    defaultMode: int


class Volume(TypedDict):
    """Files of a pod."""

    name: str
    emptyDir: NotRequired[dict[str, str]]
    secret: NotRequired[_Secret]


class Toleration(TypedDict):
    """A taint that a pod does not mind."""

    key: str
    operator: str
    effect: str


class _PodClaim(TypedDict):
    name: str
    resourceClaimTemplateName: str


class _Sysctl(TypedDict):
    name: str
    value: str


class _PodSecurity(TypedDict):
    sysctls: list[_Sysctl]


class PodSpec(TypedDict):
    """A pod."""

    serviceAccountName: str
    restartPolicy: str
    terminationGracePeriodSeconds: int
    nodeSelector: dict[str, str]
    tolerations: list[Toleration]
    initContainers: NotRequired[list[_Container]]
    containers: list[_Container]
    volumes: list[Volume]
    securityContext: NotRequired[_PodSecurity]
    resourceClaims: NotRequired[list[_PodClaim]]


class PodTemplate(TypedDict):
    """The pods of a Job."""

    metadata: _PodMetadata
    spec: PodSpec


class _OnExitCodes(TypedDict):
    operator: str
    values: list[int]


class _PodCondition(TypedDict):
    type: str
    status: str


class PodFailureRule(TypedDict):
    """What an end of a pod means to its Job."""

    action: str
    onExitCodes: NotRequired[_OnExitCodes]
    onPodConditions: NotRequired[list[_PodCondition]]


class PodFailurePolicy(TypedDict):
    """Tried in order; the first that fits counts."""

    rules: list[PodFailureRule]


class _SuccessRule(TypedDict):
    succeededIndexes: str


class _SuccessPolicy(TypedDict):
    rules: list[_SuccessRule]


class JobSpec(TypedDict):
    """An indexed Job, alone or in a JobSet."""

    completionMode: str
    completions: int
    parallelism: int
    backoffLimit: NotRequired[int]
    backoffLimitPerIndex: NotRequired[int]
    maxFailedIndexes: NotRequired[int]
    podFailurePolicy: PodFailurePolicy
    successPolicy: NotRequired[_SuccessPolicy]
    activeDeadlineSeconds: int
    ttlSecondsAfterFinished: NotRequired[int]
    suspend: NotRequired[bool]
    template: PodTemplate


class IndexedJob(TypedDict):
    """Tasks."""

    apiVersion: str
    kind: str
    metadata: Metadata
    spec: JobSpec


class _JobTemplate(TypedDict):
    spec: JobSpec


class _ReplicatedJob(TypedDict):
    name: str
    replicas: int
    template: _JobTemplate


class _JobSetFailureRule(TypedDict):
    name: str
    action: str
    onJobFailureReasons: list[str]


class _JobSetFailurePolicy(TypedDict):
    maxRestarts: int
    rules: list[_JobSetFailureRule]


class _Network(TypedDict):
    enableDNSHostnames: bool


class _JobSetSpec(TypedDict):
    suspend: bool
    network: _Network
    failurePolicy: _JobSetFailurePolicy
    replicatedJobs: list[_ReplicatedJob]
    ttlSecondsAfterFinished: int


class JobSet(TypedDict):
    """A gang."""

    apiVersion: str
    kind: str
    metadata: Metadata
    spec: _JobSetSpec
