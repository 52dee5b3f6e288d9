"""What an environment's cluster installs, read back from its templates."""

import json

import pytest

from operations.manifests import NO_SCHEMA, problems
from stacks.cluster.platform import releases
from workloads.charts import mirrored
from workloads.versions import VERSIONS

ENVIRONMENTS = ("demo", "dev", "prod", "closed", "open")
every_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)

# Places in the charts' values that choose a pod's node.
ON_SYSTEM_NODES = {
    "cluster-autoscaler": ("nodeSelector",),
    "cloudwatch": ("manager", "nodeSelector"),
    "jobset": ("controller", "nodeSelector"),
    "kueue": ("controllerManager", "nodeSelector"),
}


def images(table):
    """Every image that values name."""
    if "repository" in table and "tag" in table:
        registry = table.get("repositoryDomainMap", {}).get("public", "")
        yield f"{registry}/{table['repository']}:{table['tag']}".removeprefix("/")
    for value in table.values():
        if isinstance(value, dict):
            yield from images(value)


@every_environment
@pytest.mark.parametrize("allocator", ["device-plugin", "dra"])
def test_device_plugin_and_dra_driver_never_meet(environments, environment, allocator):
    """Nor does anything that belongs to the other."""
    config = environments[environment]
    cluster = config.cluster.model_copy(update={"neuron_allocator": allocator})
    installed = releases(cluster, config.pools, cluster_name="c", region="us-east-2")
    values = {release.chart: release.values for release in installed}
    dra = allocator == "dra"

    if any(pool.hardware.neuron for pool in config.pools):
        assert values["neuron"]["devicePlugin"]["enabled"] is not dra
        assert values["neuron"]["draDriver"]["enabled"] is dra
        assert not (dra and values["neuron"]["scheduler"]["enabled"])
    else:
        assert "neuron" not in values
    kueue = json.loads(values["kueue"]["managerConfig"]["controllerManagerConfigYaml"])
    assert ("deviceClassMappings" in kueue["resources"]) is dra
    arguments = values["cluster-autoscaler"]["extraArgs"]
    assert ("enable-dynamic-resource-allocation" in arguments) is dra


@pytest.mark.parametrize(
    ("environment", "plugins"),
    [
        ("demo", {"neuron", "efa-device-plugin", "keda"}),
        ("dev", {"neuron", "keda"}),
        ("closed", {"neuron", "efa-device-plugin", "keda"}),
        ("open", {"nvidia-device-plugin", "efa-device-plugin"}),
    ],
)
def test_only_what_the_pools_need_is_installed(platform, environment, plugins):
    assert platform(environment).releases.keys() == plugins | {
        "cloudwatch",
        "cluster-autoscaler",
        "jobset",
        "kueue",
    }


@every_environment
def test_every_chart_is_pinned_waited_for_and_in_a_namespace(platform, environment):
    for name, release in platform(environment).releases.items():
        chart = VERSIONS.charts[name]
        assert (release["Chart"], release["Version"]) == (chart.name, chart.version)
        assert release["Wait"] is True
        assert release["Namespace"] != "default"


@every_environment
def test_every_image_is_the_pinned_one_of_the_clusters_version(platform, environments, environment):
    config = environments[environment]
    registry = None
    if config.network.egress == "private":
        registry = f"111122223333.dkr.ecr.{config.region}.amazonaws.com"
    for name, values in platform(environment).values.items():
        pinned = VERSIONS.charts[name].images_on(config.cluster.kubernetes_version).values()

        assert set(images(values)) == {mirrored(image, registry) for image in pinned}


def test_without_a_way_out_all_comes_from_the_accounts_own_registry(platform):
    closed = platform("closed")
    own = "111122223333.dkr.ecr.us-west-2.amazonaws.com/"

    for name, release in closed.releases.items():
        assert release["Repository"].startswith(f"oci://{own}"), name
        assert all(image.startswith(own) for image in images(closed.values[name])), name


def test_with_a_way_out_it_comes_from_where_it_is_published(platform):
    for name, release in platform("prod").releases.items():
        assert release["Repository"] == VERSIONS.charts[name].repository


@every_environment
def test_the_clusters_own_pods_stay_on_its_own_nodes(platform, environment):
    installed = platform(environment).values
    for name, path in ON_SYSTEM_NODES.items():
        place = installed[name]
        for key in path:
            place = place[key]
        assert place == {"pool": "system"}, name


def depends_on(template, logical_id, seen=frozenset()):
    """All that a resource waits for, directly or not."""
    direct = set(template["Resources"][logical_id].get("DependsOn", []))
    for other in direct - seen:
        direct |= depends_on(template, other, seen | direct)
    return direct


def logical_ids(template, kind):
    return {k for k, r in template["Resources"].items() if r["Type"] == kind}


@every_environment
def test_charts_come_after_nodes_and_go_before_them(stacks, environment):
    template = stacks(environment)["cluster"].template
    needed = logical_ids(template, "AWS::EKS::Nodegroup") | {"Addoncoredns"}
    needed |= logical_ids(template, "AWS::EKS::AccessEntry") & {
        k for k in template["Resources"] if "ClusterAdminRoleAccess" in k
    }
    needed |= {k for k in template["Resources"] if k.startswith("KubectlToControlPlane")}
    needed |= {k for k in template["Resources"] if k.startswith("KubectlRoleDefaultPolicy")}
    assert len(needed) == 5

    for chart in logical_ids(template, "Custom::AWSCDK-EKS-HelmChart"):
        assert needed <= depends_on(template, chart), chart


@every_environment
def test_objects_go_before_the_charts_whose_controllers_release_them(stacks, environment):
    template = stacks(environment)["cluster"].template
    charts = logical_ids(template, "Custom::AWSCDK-EKS-HelmChart")
    [objects] = logical_ids(template, "Custom::AWSCDK-EKS-KubernetesResource")

    assert charts <= depends_on(template, objects)


@every_environment
def test_every_object_is_valid(platform, environments, environment):
    version = environments[environment].cluster.kubernetes_version

    for manifest in platform(environment).objects:
        found = problems(manifest, version)
        unknown = manifest["apiVersion"].startswith("kueue.")
        assert all(problem.startswith(NO_SCHEMA) for problem in found) if unknown else not found


def test_pods_of_workloads_get_no_more_than_they_need(platform):
    objects = {(o["kind"], o["metadata"]["name"]): o for o in platform("prod").objects}

    labels = objects["Namespace", "workloads"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert objects["ServiceAccount", "workload"]["automountServiceAccountToken"] is False


def test_what_resumes_goes_before_what_repeats_and_servers_before_all_jobs(platform):
    values = {
        kind: {o["metadata"]["name"]: o["value"] for o in objects if o["kind"] == kind}
        for objects in [platform("prod").objects]
        for kind in ("PriorityClass", "WorkloadPriorityClass")
    }

    assert values["WorkloadPriorityClass"]["training"] > values["WorkloadPriorityClass"]["batch"]
    assert values["PriorityClass"]["serving"] > 0, "pods of jobs have none, which is 0"
