import socket

import pytest

from workloads.command import InputError, StageError
from workloads.submit.cluster import Cluster


@pytest.fixture
def cluster(kubeconfig):
    return Cluster(kubeconfig=kubeconfig)


def test_no_kubeconfig_is_a_sentence_that_says_how_to_connect(tmp_path):
    with pytest.raises(InputError, match="aws eks update-kubeconfig"):
        Cluster(kubeconfig=str(tmp_path / "none"))


def test_an_unknown_context_is_named(kubeconfig):
    with pytest.raises(InputError, match="there"):
        Cluster(kubeconfig=kubeconfig, context="there")


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, InputError, "does not know you"),
        (403, InputError, "you may not .* so says the test; .*cluster.admins"),
        (422, StageError, "refuses queue trn1: so says the test"),
        (500, StageError, "answers 500 for queue trn1"),
    ],
)
def test_a_refusal_is_a_sentence(api, cluster, status, kind, sentence):
    api.refused = status

    with pytest.raises(kind, match=sentence):
        cluster.require_queue("trn1")


def test_a_server_that_is_not_there_is_a_sentence(kubeconfig, tmp_path, api):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    path = tmp_path / "kubeconfig"
    path.write_text(path.read_text().replace(api.url, f"http://127.0.0.1:{port}"))

    with pytest.raises(StageError, match=rf"127\.0\.0\.1:{port} cannot be reached.*private"):
        Cluster(kubeconfig=str(path)).pool("trn1")


def test_a_pool_is_read_as_its_stack_describes_it(api, cluster, trn1):
    api.pool(trn1)

    assert cluster.pool("trn1") == trn1


def test_a_description_of_something_else_is_a_sentence(api, cluster, trn1):
    api.pool(trn1)
    api.objects["/api/v1/namespaces/workloads/configmaps/pool-trn1"]["data"] = {"other": "1"}

    with pytest.raises(StageError, match="does not describe a pool"):
        cluster.pool("trn1")


def test_a_queue_that_is_stopped_is_a_sentence(api, cluster, trn1):
    api.pool(trn1)
    queue = api.objects["/apis/kueue.x-k8s.io/v1beta2/namespaces/workloads/localqueues/trn1"]
    cluster.require_queue("trn1")
    queue["status"] = {
        "conditions": [{"type": "Active", "status": "False", "message": "no such ClusterQueue"}]
    }

    with pytest.raises(StageError, match="starts no job: no such ClusterQueue"):
        cluster.require_queue("trn1")


def test_a_cluster_without_jobset_is_a_sentence(api, cluster):
    api.lists = {path for path in api.lists if "jobset" not in path}
    manifest = {"kind": "JobSet", "apiVersion": "jobset.x-k8s.io/v1alpha2",
                "metadata": {"name": "a"}}  # fmt: skip

    with pytest.raises(InputError, match="knows no JobSet"):
        cluster.create(manifest)
