import json
from typing import Any

import pytest

from operations.embedded.extension.handler import Place
from operations.embedded.extension.kubernetes import title
from operations.embedded.report import inspect
from operations.embedded.verify.kubernetes import contents
from tests.operations.embedded.extension.lifecycle import ROLE, ref

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"ZipFile": "def handler(event, context): raise SystemError('never called')"},
        "Handler": "index.handler",
        "Role": ROLE,
        "Runtime": "python3.13",
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    },
}
CLUSTER = {
    "Type": "AWS::EKS::Cluster",
    "Properties": {
        "RoleArn": ROLE,
        "ResourcesVpcConfig": {"SubnetIds": ["subnet-1"]},
        "Version": "1.35",
    },
}
BASE = {"Function": FUNCTION, "Cluster": CLUSTER}
PROVIDER = {
    "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
    "ClusterName": ref("Cluster"),
}
FLAVOR = {
    "apiVersion": "kueue.x-k8s.io/v1beta2",
    "kind": "ResourceFlavor",
    "metadata": {"name": "trn1"},
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "workloads"}}


def chart(**properties: Any) -> dict[str, Any]:
    release = {
        "Release": "kueue",
        "Chart": "oci://registry.example/kueue",
        "Version": "0.19.5",
        "Namespace": "kueue-system",
        "CreateNamespace": True,
        "Values": json.dumps({"replicas": 2}),
    }
    return {
        "Type": "Custom::AWSCDK-EKS-HelmChart",
        "Properties": PROVIDER | release | properties,
    }


def objects(*manifests: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    resource = {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": PROVIDER | {"Manifest": json.dumps(manifests), "PruneLabel": "x"},
    }
    return resource | ({"DependsOn": after} if after else {})


def held(stack: Any) -> tuple[dict[str, Any], set[str]]:
    """Releases by name, and the titles of objects outside Kubernetes' own namespaces."""
    emulator = stack.emulator
    place = Place(emulator.url, emulator.account, emulator.region)
    found = contents(place, stack.id("Cluster"))
    titles = {title(item["manifest"]) for item in found["objects"]}
    return (
        {release["Release"]: release for release in found["releases"]},
        {name for name in titles if "kube-" not in name and name != "Namespace default"},
    )


def test_charts_and_objects_live_and_die_as_their_template_says(stack):
    stack.deploy(BASE | {"Kueue": chart(), "It": objects(NAMESPACE, FLAVOR, after="Kueue")})
    assert stack.status == "CREATE_COMPLETE", stack.reasons
    releases, titles = held(stack)
    assert releases["kueue"]["Values"] == {"replicas": 2}
    assert titles == {"Namespace kueue-system", "Namespace workloads", "ResourceFlavor trn1"}
    ids = stack.id("Kueue"), stack.id("It")

    other = FLAVOR | {"metadata": {"name": "trn2"}}
    values = {"Values": json.dumps({"replicas": 3})}
    stack.deploy(BASE | {"Kueue": chart(**values), "It": objects(FLAVOR, other, after="Kueue")})
    assert stack.status == "UPDATE_COMPLETE", stack.reasons
    releases, titles = held(stack)
    assert releases["kueue"]["Values"] == {"replicas": 3}
    assert titles == {"Namespace kueue-system", "ResourceFlavor trn1", "ResourceFlavor trn2"}
    assert (stack.id("Kueue"), stack.id("It")) == ids

    stack.deploy(BASE | {"Kueue": chart(**values)})
    assert held(stack)[1] == {"Namespace kueue-system"}
    stack.deploy(BASE)
    assert held(stack) == ({}, {"Namespace kueue-system"})


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (objects(FLAVOR), "no kind ResourceFlavor in kueue.x-k8s.io/v1beta2"),
        (objects(NAMESPACE, NAMESPACE), "Namespace workloads exists already"),
        (objects(NAMESPACE | {"specs": {}}), "Namespace workloads is invalid: the object: unknown"),
        (chart(Version="1.x"), "the release kueue has the version '1.x': one exact version"),
        (chart(CreateNamespace=False), "the release kueue needs the namespace kueue-system"),
        (chart(Values="[]"), "the values of the release kueue are no table"),
        (chart(ServiceToken="arn:aws:lambda:us-east-2:000000000000:function:none"), "Function not"),
        (chart(ClusterName="none"), "none"),
    ],
)
def test_what_a_cluster_would_refuse_fails_the_stack(stack, resource, reason):
    stack.deploy(BASE | {"It": resource})
    assert stack.status == "ROLLBACK_COMPLETE"
    assert reason in stack.reasons


def test_a_release_is_not_taken_over(stack):
    stack.deploy(BASE | {"First": chart(), "Second": chart() | {"DependsOn": "First"}})
    assert stack.status == "ROLLBACK_COMPLETE"
    assert "the release kueue exists already in the namespace kueue-system" in stack.reasons


def test_an_update_that_a_cluster_refuses_leaves_what_was(stack):
    stack.deploy(BASE | {"It": objects(NAMESPACE)})
    stack.deploy(BASE | {"It": objects(NAMESPACE, FLAVOR)})
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert held(stack)[1] == {"Namespace workloads"}


def test_the_report_says_what_is_behind_them(stack):
    stack.name = f"report-{stack.name}"
    stack.deploy(
        BASE
        | {
            "Kueue": chart(),
            "Held": objects(NAMESPACE),
            "Taken": objects(FLAVOR, after="Kueue"),
        }
    )
    report = inspect(stack.emulator, environment="report")
    found = {f.logical_id: (f.status, f.reason, f.remark) for f in report.findings}

    assert found["Function"] == ("verified", "", "")
    assert found["Held"] == (
        "verified",
        "",
        "held to published schemas and recorded; no API server has it",
    )
    assert found["Taken"] == (
        "declared",
        "recorded: no published package has a schema of ResourceFlavor",
        "",
    )
    assert found["Kueue"][:2] == (
        "declared",
        "recorded as kueue 0.19.5: no chart is fetched, nothing checks its values, and "
        "nothing runs",
    )
