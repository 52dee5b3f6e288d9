"""The objects into a cluster's API: judged first, then kept, and changed in place."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from operations.manifests import problems
from tests.workloads.deploy.fakes import served
from workloads.deploy import commands
from workloads.deploy.__main__ import main
from workloads.jobs.pool import Pool, config_map_name, described

APPLY = "application/apply-patch+yaml"
POOL = Pool(name="inf2", instance_type="inf2.xlarge")


@dataclass
class ApiServer:
    """Keeps what is applied for real; knows KEDA's objects only if told so."""

    keda: bool = False
    rollouts: list[dict] = field(
        default_factory=list
    )  # the Deployment's next states; the last stays
    pods: list[dict] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    kept: dict[str, dict] = field(default_factory=dict)

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes):
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        if method == "GET" and parts.path.endswith("/deployments/tiny"):
            status = self.rollouts.pop(0) if len(self.rollouts) > 1 else self.rollouts[0]
            kept = next(each for path, each in self.kept.items() if path == parts.path)
            return 200, kept | {"metadata": kept["metadata"] | {"generation": 2}, "status": status}
        if method == "GET" and parts.path.endswith("/pods"):
            assert query["labelSelector"] == ["app.kubernetes.io/instance=tiny"]
            return 200, {"kind": "PodList", "apiVersion": "v1", "items": self.pods}
        if method == "GET":
            assert parts.path.endswith(
                f"/namespaces/workloads/configmaps/{config_map_name('inf2')}"
            )
            return 200, {"kind": "ConfigMap", "apiVersion": "v1", "data": described(POOL)}
        assert (method, headers["content-type"]) == ("PATCH", APPLY)
        assert query["fieldManager"] == ["workloads"]
        if "scaledobjects" in parts.path and not self.keda:
            return 404, "404 page not found\n"
        thing = yaml.safe_load(body)
        if wrong := problems(thing, "1.35"):
            return 422, {"kind": "Status", "status": "Failure", "message": "; ".join(wrong)}
        if query.get("dryRun") == ["All"]:
            self.judged.append(thing["kind"])
        else:
            self.kept[parts.path] = thing
        return 200, thing


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def kubeconfig(api, tmp_path) -> Iterator[str]:
    with served(api) as url:
        file = tmp_path / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": url}}],
            "users": [{"name": "test", "user": {"token": "secret"}}],
        }
        file.write_text(json.dumps(config))
        yield str(file)


@pytest.fixture
def deploy(published, compiled, kubeconfig):
    def run(*more: str) -> int:
        return main(
            [
                *("pool", "--model", published, "--cache", compiled, "--pool", "inf2"),
                *("--name", "tiny", "--kubeconfig", kubeconfig, *more),
            ]
        )

    return run


def test_every_object_is_judged_before_the_first_is_kept(deploy, api):
    assert deploy() == 0

    kinds = ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"]
    assert api.judged == kinds
    assert [each["kind"] for each in api.kept.values()] == kinds
    assert "/apis/apps/v1/namespaces/workloads/deployments/tiny" in api.kept


def test_the_same_again_is_the_same(deploy, api):
    deploy()
    first = dict(api.kept)

    assert deploy() == 0
    assert api.kept == first


def test_without_keda_nothing_is_kept(deploy, api, capsys):
    assert deploy("--max-replicas", "3") == 2

    assert api.kept == {}
    assert "needs KEDA 2.20 or newer" in capsys.readouterr().err


def test_with_keda_the_queue_decides(deploy, api):
    api.keda = True

    assert deploy("--max-replicas", "3") == 0

    [scaled] = [each for each in api.kept.values() if each["kind"] == "ScaledObject"]
    assert scaled["spec"]["maxReplicaCount"] == 3


def rollout(new, ready, *, total=None, seen=2, **condition):
    counts = {"updatedReplicas": new, "availableReplicas": ready, "replicas": total or new}
    status = counts | {"observedGeneration": seen}
    return status | ({"conditions": [{"status": "False", **condition}]} if condition else {})


def pod(container):
    return {
        "metadata": {"name": "tiny-x"},
        "spec": {"containers": [{"name": "vllm"}]},
        "status": {"phase": "Pending", **container},
    }


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(commands, "_POLL_SECONDS", 0)


def test_waiting_ends_when_every_replica_is_new_and_answers(deploy, api, capsys, quick):
    api.rollouts = [
        rollout(1, 1, seen=1),  # the controller has not seen the change: of the former version
        rollout(1, 1, total=2),  # and an old one still ends
        rollout(1, 0),
        rollout(1, 1),
    ]

    assert deploy("--wait") == 0

    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "tiny answers: http://tiny.workloads:8000/v1"
    assert [line for line in told.err.splitlines() if line.startswith("tiny: ")] == [
        "tiny: 0 of 1 replicas are new, 1 answer",
        "tiny: 1 of 1 replicas are new, 1 answer",
        "tiny: 1 of 1 replicas are new, 0 answer",
        "tiny: 1 of 1 replicas are new, 1 answer",
    ]


def test_a_rollout_that_does_not_come_says_what_its_pods_wait_for(deploy, api, capsys, quick):
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    condition = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    api.pods = [
        pod({"initContainerStatuses": [status("fetch-model", waiting)]}),
        pod({"conditions": [condition]}),
    ]
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    api.rollouts = [rollout(1, 0), rollout(1, 0, **late)]

    assert deploy("--wait") == 1

    error = capsys.readouterr().err.splitlines()[-1]
    assert "tiny does not come up: 1 of 1 replicas are new, 0 answer" in error
    assert "fetch-model waits: ImagePullBackOff" in error
    assert "a pod finds no node: 0/2 nodes are available" in error


def status(name, waiting):
    return {
        "name": name,
        "ready": False,
        "restartCount": 0,
        "image": "i",
        "imageID": "",
        "state": {"waiting": waiting},
    }
