import aws_cdk as cdk
import pytest
from aws_cdk import aws_eks as eks
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer

from operations.checker import check

NEURON_CHART = "neuron-helm-chart"
TAG = "k8s.io/cluster-autoscaler/node-template/resources/"


def daemon_set(image):
    containers = [{"name": "main", "image": image}]
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "theirs"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


PLUGIN = daemon_set("public.ecr.aws/neuron/neuron-device-plugin:2.31.0.0")
DRIVER = daemon_set("public.ecr.aws/neuron/neuron-dra-driver:1.1.0")
MONITOR = daemon_set("public.ecr.aws/neuron/neuron-monitor:1.12.0")


@pytest.fixture
def bare(prod):
    """prod without what its cluster's stack installs."""
    resources = prod.templates["prod-cluster"]["Resources"]
    for name in [name for name, body in resources.items() if body["Type"].startswith("Custom::")]:
        del resources[name]
    for pool in ("trn1", "inf2"):
        tags = prod.group(pool).get("Tags", {})
        prod.group(pool)["Tags"] = {k: v for k, v in tags.items() if not k.startswith("k8s.io/")}
    assert prod.rules == set()
    return prod


def one_chart(bare):
    bare.chart(NEURON_CHART, devicePlugin={"enabled": True}, draDriver={"enabled": True})


def two_charts(bare):
    bare.chart(NEURON_CHART)
    bare.chart(NEURON_CHART, devicePlugin={"enabled": False}, draDriver={"enabled": True})


def chart_and_object(bare):
    bare.chart(NEURON_CHART, devicePlugin={"enabled": False}, draDriver={"enabled": True})
    bare.apply(PLUGIN)


def two_objects(bare):
    bare.apply(PLUGIN, DRIVER)


@pytest.mark.parametrize("plant", [one_chart, two_charts, chart_and_object, two_objects])
def test_dra_and_device_plugin_together_are_found(bare, plant):
    plant(bare)

    [finding] = bare.findings

    assert finding.rule == "one-allocator"
    assert finding.logical_id.startswith("Planted")


@pytest.mark.parametrize(
    "values",
    [
        {"devicePlugin": {"enabled": False}, "draDriver": {"enabled": True}},
        {"devicePlugin": {"enabled": True}, "draDriver": {"enabled": False}},
        {"draDriver": {"enabled": True}},  # as Neuron's documentation installs it
        {},
    ],
)
def test_one_allocator_is_clean(bare, values):
    bare.chart(NEURON_CHART, **values)

    assert bare.rules == set()


def test_allocators_of_two_clusters_do_not_meet(bare):
    bare.apply(PLUGIN)
    bare.chart(NEURON_CHART, devicePlugin={"enabled": False}, draDriver={"enabled": True})
    resources = bare.templates["prod-cluster"]["Resources"]
    resources["Planted1"]["Properties"]["ClusterName"] = "another"

    assert bare.rules == set()


def test_dra_on_an_older_kubernetes_is_found(bare):
    resources = bare.templates["prod-cluster"]["Resources"]
    [cluster] = [body for body in resources.values() if body["Type"] == "AWS::EKS::Cluster"]
    cluster["Properties"]["Version"] = "1.33"
    bare.apply(DRIVER)

    assert "dra-needs-1.34" in bare.rules


def image(name, tag):
    return {"image": {"repository": f"registry.example.com/theirs/{name}", "tag": tag}}


@pytest.mark.parametrize(
    ("rules", "chart", "values"),
    [
        (set(), "scheduler", image("kube-scheduler", "v1.35.6-eks-1-35-13")),
        ({"charts-fit-cluster"}, "scheduler", image("kube-scheduler", "v1.31.0")),
        (set(), "scheduler", {"enabled": False} | image("kube-scheduler", "v1.31.0")),
        ({"charts-fit-cluster"}, "autoscaler", image("cluster-autoscaler", "v1.33.0@sha256:00")),
        (set(), "theirs", image("theirs", "v0.0.1")),
    ],
)
def test_images_of_charts_that_do_not_fit_the_cluster_are_found(bare, rules, chart, values):
    bare.chart(chart, part=values)

    assert bare.rules == rules


def test_an_efa_plugin_that_does_not_know_the_type_is_found(bare):
    """Trn2 came with version 0.5.20 of the image."""
    bare.data()["InstanceType"] = "trn2.48xlarge"
    bare.chart("aws-efa-k8s-device-plugin", **image("aws-efa-k8s-device-plugin", "v0.5.4"))

    assert "charts-fit-cluster" in bare.rules


def test_neuron_monitor_beside_dra_is_found(bare):
    bare.apply(DRIVER, MONITOR)

    assert bare.rules == {"monitor-needs-plugin"}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, {"monitor-needs-plugin"}),  # the chart's own default
        ({"neuronMonitor": {"enabled": True}}, {"monitor-needs-plugin"}),
        ({"neuronMonitor": {"enabled": False}}, set()),
    ],
)
def test_the_monitor_of_cloudwatchs_chart_beside_dra_is_found(bare, values, found):
    bare.apply(DRIVER)
    bare.chart("amazon-cloudwatch-observability", **values)

    assert bare.rules == found


def test_the_cdks_own_device_plugin_is_found(new_app):
    """As the CDK writes it for an Inferentia node group of the idiomatic kind."""
    stack = cdk.Stack(new_app(), "Stack")
    cluster = eks.Cluster(
        stack,
        "Cluster",
        version=eks.KubernetesVersion.of("1.35"),
        kubectl_layer=KubectlV35Layer(stack, "Layer"),
        default_capacity=0,
    )
    cluster.add_nodegroup_capacity(
        "Nodes", instance_types=[cdk.aws_ec2.InstanceType("inf2.xlarge")]
    )
    template = stack.node.root.synth().get_stack_by_name("Stack").template

    found = {finding.rule for finding in check({"Stack": template})}

    # Nothing is pinned there, nor tainted, and the image is that of Amazon Linux 2 or plain.
    assert found >= {"cdk-device-plugin", "image-pinned", "neuron-taint"}
    assert found.isdisjoint({"one-allocator", "ssh-from-world"})


def test_two_repairers_are_found(bare):
    bare.chart(NEURON_CHART, npd={"nodeRecovery": {"enabled": True}})

    assert bare.rules == {"repaired-once"}


def test_a_repairer_and_one_that_reports_are_clean(bare):
    bare.chart(NEURON_CHART, npd={"enabled": True, "nodeRecovery": {"enabled": False}})

    assert bare.rules == set()


@pytest.mark.parametrize("taints", [[], [{"Key": "neuron", "Effect": "PREFER_NO_SCHEDULE"}]])
def test_neuron_nodes_without_a_taint_are_found(prod, taints):
    prod.group()["Taints"] = taints

    assert prod.rules == {"neuron-taint"}


def test_a_group_at_zero_that_tells_no_devices_is_found(bare):
    bare.chart("cluster-autoscaler")

    findings = bare.findings

    assert {finding.rule for finding in findings} == {"empty-group-resources"}
    told = {(finding.template, finding.value.split()[2]) for finding in findings}
    assert ("prod-pool-trn1", f"{TAG}aws.amazon.com/neuron") in told
    assert ("prod-pool-trn1", f"{TAG}vpc.amazonaws.com/efa") in told
    assert ("prod-pool-inf2", f"{TAG}aws.amazon.com/neuroncore") in told
    assert not any(template == "prod-pool-epyc" for template, _ in told)


TRN1 = {"aws.amazon.com/neuron": 16, "aws.amazon.com/neuroncore": 32, "vpc.amazonaws.com/efa": 8}


@pytest.mark.parametrize(
    ("rules", "resources"),
    [
        (set(), TRN1),
        ({"empty-group-resources"}, TRN1 | {"aws.amazon.com/neuron": 8}),
        ({"empty-group-resources"}, TRN1 | {"vpc.amazonaws.com/efa": 1}),
    ],
)
def test_what_a_group_at_zero_tells_is_counted(bare, rules, resources):
    bare.group()["Tags"] |= {TAG + name: str(count) for name, count in resources.items()}

    assert bare.rules == rules


def test_under_dra_devices_are_no_resources_of_a_node(bare):
    bare.apply(DRIVER)
    bare.group()["Tags"][f"{TAG}vpc.amazonaws.com/efa"] = "8"

    assert bare.rules == set()


def test_a_group_that_keeps_a_node_need_tell_nothing(bare):
    bare.chart("cluster-autoscaler")
    for pool in ("trn1", "inf2"):
        bare.group(pool)["ScalingConfig"] |= {"MinSize": 1, "DesiredSize": 1}

    assert bare.rules == set()


@pytest.mark.parametrize(
    ("rules", "version"),
    [({"efa-only-cni"}, "v1.18.3-eksbuild.1"), (set(), "v1.20.1-eksbuild.1"), (set(), None)],
)
def test_efa_only_interfaces_with_an_old_cni_are_found(bare, rules, version):
    for interface in bare.interfaces()[1:]:
        interface["InterfaceType"] = "efa-only"
    for body in bare.templates["prod-cluster"]["Resources"].values():
        if body["Properties"].get("AddonName") == "vpc-cni":
            body["Properties"]["AddonVersion"] = version

    assert bare.rules == rules


def test_efa_only_interfaces_under_pcs_are_found(prod):
    prod.interfaces()[1]["InterfaceType"] = "efa-only"
    template = prod.pool("trn1")["Resources"]
    template["Nodegroup"] = {
        "Type": "AWS::PCS::ComputeNodeGroup",
        "Properties": {"CustomLaunchTemplate": {"TemplateId": {"Ref": "LaunchTemplate"}}},
    }

    assert prod.rules == {"efa-only-pcs"}
