import copy
from typing import Any

import pytest

from operations.manifests import has_schema, problems

VERSIONS = ("1.33", "1.34", "1.35", "1.36")

POD = {
    "restartPolicy": "Never",
    "nodeSelector": {"pool": "trn1"},
    "containers": [
        {
            "name": "main",
            "image": "registry/train:1",
            "resources": {"limits": {"aws.amazon.com/neuron": 16, "cpu": "1500m"}},
        }
    ],
}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "train", "namespace": "workloads", "labels": {"example.com/run": "a"}},
    "spec": {"completions": 2, "template": {"spec": POD}},
}
JOB_SET = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "train", "labels": {"kueue.x-k8s.io/queue-name": "trn1"}},
    "spec": {
        "failurePolicy": {"maxRestarts": 3},
        "replicatedJobs": [
            {"name": "worker", "replicas": 1, "template": {"spec": {"template": {"spec": POD}}}}
        ],
    },
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "workloads"}}
PRIORITY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "train"},
    "value": 100,
}
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "system:reader"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
}
DEVICE_CLASS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceClass",
    "metadata": {"name": "neuron.aws.com"},
    "spec": {"selectors": [{"cel": {"expression": "true"}}]},
}
KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"properties": {"labels": {"type": "object"}}}},
            }
        ],
    },
}
FLAVOR = {
    "apiVersion": "kueue.x-k8s.io/v1beta2",
    "kind": "ResourceFlavor",
    "metadata": {"name": "trn1"},
    "spec": {"nodeLabels": {"pool": "trn1"}},
}

SCALED = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "tiny", "namespace": "workloads"},
    "spec": {
        "scaleTargetRef": {"name": "tiny"},
        "maxReplicaCount": 3,
        "triggers": [
            {
                "type": "metrics-api",
                "metadata": {
                    "url": "http://tiny.workloads.svc.cluster.local:8000/metrics",
                    "valueLocation": "vllm:num_requests_waiting",
                    "targetValue": "4",
                },
            }
        ],
    },
}


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at a dotted path replaced or added."""
    result = copy.deepcopy(manifest)
    *outer, last = path.split("/")
    place: Any = result
    for part in outer:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = value
    return result


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest",
    [NAMESPACE, JOB, JOB_SET, PRIORITY, ROLE, KIND, SCALED],
    ids=lambda manifest: manifest["kind"],
)
def test_a_valid_object_has_no_problem(manifest, version):
    assert has_schema(manifest, version)
    assert problems(manifest, version) == []


def test_a_device_class_exists_from_kubernetes_1_34_on():
    assert not has_schema(DEVICE_CLASS, "1.33")
    for version in ("1.34", "1.35", "1.36"):
        assert problems(DEVICE_CLASS, version) == []


@pytest.mark.parametrize(
    ("manifest", "path", "value", "sentence"),
    [
        (
            JOB,
            "spec/template/spec/containers/0/imagee",
            "x",
            "spec.template.spec.containers[0]: unknown key imagee; did you mean image?",
        ),
        (
            JOB,
            "spec/completions",
            "two",
            "spec.completions: 'two' is not of type 'integer', 'null'",
        ),
        (
            JOB,
            "spec/template/spec/containers",
            None,
            "spec.template.spec.containers: None is not of type 'array'",
        ),
        (
            JOB,
            "spec/template/spec/containers/0/resources/limits/cpu",
            "two",
            "spec.template.spec.containers[0].resources.limits.cpu: 'two' does not match",
        ),
        (
            JOB_SET,
            "spec/replicatedJob",
            [],
            "spec: unknown key replicatedJob; did you mean replicatedJobs?",
        ),
        (
            JOB_SET,
            "spec/replicatedJobs/0/replicas",
            "1",
            "spec.replicatedJobs[0].replicas: '1' is not of type 'integer'",
        ),
        (
            JOB_SET,
            "spec/replicatedJobs/0/template/spec/template/spec/hostNetworks",
            True,
            "spec.replicatedJobs[0].template.spec.template.spec: unknown key hostNetworks; did you "
            "mean hostNetwork?",
        ),
        (
            SCALED,
            "spec/maxReplicas",
            3,
            "spec: unknown key maxReplicas; did you mean maxReplicaCount?",
        ),
        (
            SCALED,
            "spec/triggers/0/metadata/targetValue",
            4,
            "spec.triggers[0].metadata.targetValue: 4 is not of type 'string'",
        ),
        (
            SCALED,
            "spec/triggers/0/metadata/aggregationType",
            "total",
            "spec.triggers[0].metadata.aggregationType: 'total' is not one of",
        ),
        (
            SCALED,
            "spec/triggers/0/metadata/url",
            "http://tiny:8000/metrics",
            "spec.triggers[0].metadata.url: 'http://tiny:8000/metrics' does not match",
        ),
        (JOB_SET, "metadata/label", {}, "metadata: unknown key label; did you mean labels?"),
        (JOB_SET, "specs", {}, "the object: unknown key specs; did you mean spec?"),
        (NAMESPACE, "metadata/name", "Work_loads", "metadata.name: 'Work_loads' is no name"),
        (NAMESPACE, "metadata/name", None, "metadata: a name is missing"),
        (JOB, "metadata/namespace", "a.b", "metadata.namespace: 'a.b' is no namespace"),
        (
            JOB,
            "spec/template/spec/nodeSelector/pool",
            True,
            "spec.template.spec.nodeSelector.pool: True is not of type 'string', 'null'",
        ),
        (JOB, "metadata/labels", {"a b": "c"}, "metadata.labels: 'a b' is no label's key"),
        (
            FLAVOR,
            "spec/nodeLabels/pool",
            "a/b",
            "spec.nodeLabels.pool: 'a/b' is no label's value",
        ),
    ],
)
def test_a_wrong_object_is_refused_with_its_place(manifest, path, value, sentence):
    found = problems(changed(manifest, path, value), "1.35")
    assert any(problem.startswith(sentence) for problem in found), found


def test_an_object_without_kind_is_refused():
    assert problems({"metadata": {"name": "x"}}, "1.35") == [
        "the object needs an apiVersion and a kind, both text"
    ]


@pytest.mark.parametrize(
    "manifest",
    [FLAVOR, changed(JOB, "apiVersion", "batch.example.com/v1"), changed(JOB, "kind", "job")],
    ids=["kueue", "foreign group", "kind in lower case"],
)
def test_a_kind_without_schema_is_told_apart(manifest):
    assert not has_schema(manifest, "1.35")
    assert problems(manifest, "1.35") == [
        f"no published package has a schema of {manifest['kind']} in {manifest['apiVersion']}"
    ]


@pytest.mark.parametrize("version", ["1.99", "1.35.0", "v1.35", ""])
def test_an_unknown_kubernetes_version_is_an_error(version):
    with pytest.raises(ValueError, match=f"no schema of Kubernetes '{version}' here: give one"):
        problems(NAMESPACE, version)
