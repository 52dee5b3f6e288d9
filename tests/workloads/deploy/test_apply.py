"""The objects into a cluster's API: judged first, then kept, and changed in place."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from operations.manifests import NO_SCHEMA, problems
from tests.workloads.deploy.fakes import served
from workloads.deploy.__main__ import main
from workloads.jobs.pool import Pool, config_map_name, described

APPLY = "application/apply-patch+yaml"
POOL = Pool(name="inf2", instance_type="inf2.xlarge")


@dataclass
class ApiServer:
    """Keeps what is applied for real; knows KEDA's objects only if told so."""

    keda: bool = False
    judged: list[str] = field(default_factory=list)
    kept: dict[str, dict] = field(default_factory=dict)

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes):
        parts = urlsplit(path)
        query = parse_qs(parts.query)
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
        wrong = [said for said in problems(thing, "1.35") if not said.startswith(NO_SCHEMA)]
        if wrong:
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
