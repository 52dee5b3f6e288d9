import pytest

from stacks.cluster.charts import neuron
from workloads.hardware import INSTANCES

NEURON = [instance for instance in INSTANCES.values() if instance.neuron]
ALLOCATORS = ("device-plugin", "dra")


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("instance", NEURON, ids=lambda instance: instance.name)
def test_one_component_hands_devices_out(allocator, instance):
    values = neuron.values(allocator, [instance])

    switched_on = [name for name in ("devicePlugin", "draDriver") if values[name]["enabled"]]

    assert switched_on == [{"device-plugin": "devicePlugin", "dra": "draDriver"}[allocator]]


def test_every_component_runs_on_every_neuron_type_and_no_other():
    assert neuron.values("device-plugin", [])["neuronInstances"] == [i.name for i in NEURON]
    assert {"trn2.3xlarge", "trn2u.48xlarge", "inf2.xlarge"} <= {i.name for i in NEURON}


@pytest.mark.parametrize(
    ("types", "extended"),
    [
        (["trn1.32xlarge"], True),
        (["trn1n.32xlarge"], True),
        (["inf2.24xlarge"], True),
        (["inf2.48xlarge"], True),
        (["trn1.2xlarge"], False),  # one device: there is nothing to choose from
        (["inf2.8xlarge"], False),
        (["trn2.48xlarge"], False),  # its devices are not among those the extension joins
        (["m7a.48xlarge"], False),
        (["m7a.48xlarge", "inf2.48xlarge"], True),
        ([], False),
    ],
)
def test_the_scheduler_is_extended_where_a_pod_can_have_some_of_joined_devices(types, extended):
    pools = [INSTANCES[name] for name in types]

    assert neuron.values("device-plugin", pools)["scheduler"]["enabled"] is extended


def test_under_dra_there_is_no_scheduler_but_the_clusters():
    assert neuron.values("device-plugin", NEURON)["scheduler"]["enabled"] is True
    assert neuron.values("dra", NEURON)["scheduler"]["enabled"] is False


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_eks_alone_repairs_nodes(allocator):
    assert neuron.values(allocator, NEURON)["npd"] == {"enabled": False}
