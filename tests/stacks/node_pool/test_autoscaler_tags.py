import re

import pytest

from stacks.config.types import refused
from stacks.node_pool.autoscaler_tags import autoscaler_tags
from workloads.hardware import INSTANCES

TYPES = {name: i for name, i in INSTANCES.items() if not refused(name)}
PREFIX = "k8s.io/cluster-autoscaler/node-template/resources/"


@pytest.fixture
def offered(pool_of):
    """Give what an empty group of a type says it offers, by resource."""

    def of(instance_type, allocator="device-plugin", **settings):
        tags = autoscaler_tags(
            pool_of(instance_type, **settings), neuron_allocator=allocator, root_volume_gib=512
        )
        assert all(key.startswith(PREFIX) for key in tags)
        return {key.removeprefix(PREFIX): value for key, value in tags.items()}

    return of


# Counts as a node with the plugins shows them; Neuron and EKS documentation.
@pytest.mark.parametrize(
    ("instance_type", "settings", "resources"),
    [
        (
            "trn1.32xlarge",
            {},
            {
                "aws.amazon.com/neuron": "16",
                "aws.amazon.com/neuroncore": "32",
                "vpc.amazonaws.com/efa": "8",
                "pods": "247",
                "ephemeral-storage": "6460G",
            },
        ),
        (
            "trn2.48xlarge",
            {"lnc": 1, "efa": False},
            {
                "aws.amazon.com/neuron": "16",
                "aws.amazon.com/neuroncore": "128",
                "pods": "100",
                "ephemeral-storage": "6460G",
            },
        ),
        (
            "inf2.xlarge",
            {},
            {
                "aws.amazon.com/neuron": "1",
                "aws.amazon.com/neuroncore": "2",
                "pods": "58",
                "ephemeral-storage": "435Gi",
            },
        ),
        (
            "p5.48xlarge",
            {"efa_layout": "efa-only"},
            {
                "nvidia.com/gpu": "8",
                "vpc.amazonaws.com/efa": "32",
                "pods": "51",
                "ephemeral-storage": "25840G",
            },
        ),
        ("m7a.xlarge", {}, {"pods": "58", "ephemeral-storage": "435Gi"}),
    ],
)
def test_an_empty_group_says_what_a_node_of_it_will_have(
    offered, instance_type, settings, resources
):
    assert offered(instance_type, **settings) == resources


@pytest.mark.parametrize("instance_type", [n for n, i in TYPES.items() if i.neuron])
def test_under_dra_a_node_has_no_neuron_resource(offered, instance_type):
    plugin, dra = (offered(instance_type, allocator=a) for a in ("device-plugin", "dra"))

    assert set(plugin) - set(dra) == {"aws.amazon.com/neuron", "aws.amazon.com/neuroncore"}
    assert set(dra) <= set(plugin)


def test_huge_pages_are_offered_and_missing_from_memory(offered):
    resources = offered("m7a.48xlarge", hugepages=5128)

    assert resources["hugepages-2Mi"] == "10256Mi"
    assert resources["memory"] == f"{768 * 1024 - 10256}Mi"


@pytest.mark.parametrize("instance_type", TYPES)
def test_every_tag_is_one_that_eks_and_the_autoscaler_take(offered, instance_type):
    """A tag of AWS, and a quantity of Kubernetes."""
    for name, quantity in offered(instance_type).items():
        assert len(PREFIX + name) <= 128
        assert re.fullmatch(r"[A-Za-z0-9+=._:/@-]+", PREFIX + name)
        assert re.fullmatch(r"[1-9][0-9]*(G|Gi|Mi)?", quantity)
