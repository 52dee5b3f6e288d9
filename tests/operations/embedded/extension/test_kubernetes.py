import pytest

from operations.embedded.extension.kinds import CHARTS
from operations.embedded.extension.kubernetes import Clusters, Contents, title
from operations.manifests import JOBSET_RELEASE
from workloads.versions import VERSIONS

QUEUES = "kueue.x-k8s.io/v1beta2"


def manifest(kind: str, name: str, api_version: str = "v1", namespace: str = "", **body) -> dict:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def release(name: str, *, chart: str, namespace: str = "kube-system", **more) -> dict:
    where = {"Release": name, "Chart": chart, "Namespace": namespace, "Version": "1.0.0"}
    return where | more


NAMESPACE = manifest("Namespace", "workloads")
CONFIG = manifest("ConfigMap", "c", namespace="workloads", data={"a": "b"})
FLAVOR = manifest("ResourceFlavor", "trn1", QUEUES)
KUEUE = release("kueue", chart="oci://registry.example/kueue/charts/kueue")


@pytest.fixture
def contents() -> Contents:
    return Contents(version="1.35")


def titles(contents: Contents) -> set[str]:
    """Everything but the namespaces that each cluster begins with."""
    return {title(o) for o in contents.objects.values()} - {
        f"Namespace {name}" for name in ("default", "kube-node-lease", "kube-public", "kube-system")
    }


def test_objects_are_added_in_order_and_deleted(contents):
    contents.put([NAMESPACE, CONFIG], new=True)
    assert titles(contents) == {"Namespace workloads", "ConfigMap workloads/c"}

    contents.remove([CONFIG, CONFIG])
    assert titles(contents) == {"Namespace workloads"}


def test_a_namespace_takes_all_that_is_in_it(contents):
    contents.put([NAMESPACE, CONFIG], new=True)
    contents.remove([NAMESPACE])
    assert titles(contents) == set()


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (
            CONFIG | {"metadata": {"name": "c", "namespace": "absent"}},
            "ConfigMap absent/c needs the namespace absent, which does not exist",
        ),
        (
            CONFIG | {"datas": {}},
            "ConfigMap workloads/c is invalid: the object: unknown key datas; did you mean data?",
        ),
        (
            FLAVOR,
            "no kind ResourceFlavor in kueue.x-k8s.io/v1beta2: Kubernetes 1.35 has none, and no "
            "installed chart brings it (charts that bring kinds: none)",
        ),
        (
            manifest("JobSet", "j", "jobset.x-k8s.io/v1alpha2"),
            "no kind JobSet in jobset.x-k8s.io/v1alpha2: Kubernetes 1.35 has none, and no "
            "installed chart brings it (charts that bring kinds: none)",
        ),
        (NAMESPACE, "Namespace workloads exists already"),
    ],
)
def test_what_an_api_server_refuses_is_refused_and_nothing_of_it_stays(contents, refused, reason):
    contents.put([NAMESPACE], new=True)
    other = manifest("Namespace", "other")

    with pytest.raises(ValueError) as caught:
        contents.put([other, refused], new=True)

    assert str(caught.value) == reason
    assert titles(contents) == {"Namespace workloads"}


def test_a_chart_brings_its_kinds_and_takes_them_away(contents):
    contents.install(KUEUE)
    contents.put([FLAVOR], new=True)

    with pytest.raises(ValueError, match="no kind ResourceFlavors in kueue"):
        contents.put([FLAVOR | {"kind": "ResourceFlavors"}], new=True)
    with pytest.raises(ValueError, match="True is no label's value"):
        contents.put([FLAVOR | {"spec": {"nodeLabels": {"pool": True}}}], new=False)

    contents.uninstall("kube-system", "kueue")
    assert titles(contents) == set()
    with pytest.raises(ValueError, match="no installed chart brings it"):
        contents.put([FLAVOR], new=True)


def test_the_kinds_of_a_charts_crds_folder_stay(contents):
    contents.install(release("jobset", chart="jobset"))
    contents.uninstall("kube-system", "jobset")
    contents.put([manifest("JobSet", "j", "jobset.x-k8s.io/v1alpha2")], new=True)


def test_a_release_makes_its_namespace_or_needs_one(contents):
    contents.install(release("a", chart="a", namespace="a-system", CreateNamespace="true"))
    assert titles(contents) == {"Namespace a-system"}

    with pytest.raises(ValueError, match="the release b needs the namespace b-system"):
        contents.install(release("b", chart="b", namespace="b-system"))
    assert set(contents.releases) == {("a-system", "a")}


def test_an_update_prunes_only_what_kubectl_prunes(contents):
    contents.install(KUEUE)
    contents.put([NAMESPACE, CONFIG, FLAVOR], new=True)
    contents.put([NAMESPACE], new=False)
    contents.prune([NAMESPACE, CONFIG, FLAVOR], [NAMESPACE])
    assert titles(contents) == {"Namespace workloads", "ResourceFlavor trn1"}


def test_objects_without_a_schema_are_listed_as_such(contents):
    contents.install(KUEUE)
    contents.put([NAMESPACE, FLAVOR], new=True)
    listed = {title(o["manifest"]): o["has_schema"] for o in contents.listing()["objects"]}
    assert listed["Namespace workloads"] is True
    assert listed["ResourceFlavor trn1"] is False


def test_a_new_cluster_of_an_old_name_is_empty():
    clusters = Clusters()
    cluster = {"name": "c", "version": "1.35", "createdAt": 1}
    with clusters.opened("1", "r", cluster) as contents:
        contents.put([NAMESPACE], new=True)
    assert NAMESPACE in [o["manifest"] for o in clusters.listing("1", "r", "c")["objects"]]

    with clusters.opened("1", "r", cluster | {"createdAt": 2}) as contents:
        assert titles(contents) == set()
    assert clusters.listing("2", "r", "c") == {"releases": [], "objects": []}


@pytest.mark.parametrize("chart", CHARTS)
def test_the_kinds_are_those_of_the_pinned_charts(chart):
    assert VERSIONS.charts[chart].version.startswith(f"{CHARTS[chart].release}.")


def test_jobset_is_checked_as_the_release_that_is_installed():
    assert VERSIONS.charts["jobset"].version == JOBSET_RELEASE
