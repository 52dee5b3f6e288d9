"""What of the CDK's EKS module is gone round, shown to be there still.

A failure here is good news: the CDK was mended, and what goes round it can go.
"""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks


@pytest.fixture
def cluster(stack):
    return eks.Cluster(
        stack,
        "Cluster",
        version=eks.KubernetesVersion.V1_35,
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
        default_capacity=0,
    )


@pytest.mark.parametrize("instance_type", ["trn1.32xlarge", "inf2.48xlarge"])
def test_the_helper_for_node_groups_wants_kubectl_for_neuron_types(cluster, instance_type):
    with pytest.raises(RuntimeError, match="Kubectl Provider is not defined"):
        cluster.add_nodegroup_capacity("Nodes", instance_types=[ec2.InstanceType(instance_type)])


def test_a_node_group_refuses_the_neuron_image_for_trainium(stack, cluster):
    with pytest.raises(RuntimeError, match="does not match the instance types architecture"):
        eks.Nodegroup(
            stack,
            "Nodes",
            cluster=cluster,
            instance_types=[ec2.InstanceType("trn1.32xlarge")],
            ami_type=eks.NodegroupAmiType.AL2023_X86_64_NEURON,
        )


def test_auto_mode_is_the_default(synthesize, new_app):
    stack = cdk.Stack(new_app(), "Stack")
    eks.Cluster(stack, "Cluster", version=eks.KubernetesVersion.V1_35)

    compute = synthesize(stack).only("AWS::EKS::Cluster")["ComputeConfig"]

    assert compute["Enabled"] is True
