import pytest

from stacks.cluster.charts import monitor
from workloads.hardware import INSTANCES


@pytest.fixture
def values(environments):
    def of(environment, allocator="device-plugin"):
        pools = environments[environment].pools
        return monitor.values(allocator, pools, cluster_name="c", region="us-east-2")

    return of


def nodes(component):
    """The one requirement of the nodes that a daemon runs on."""
    affinity = component["affinity"]["nodeAffinity"]
    [term] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    [expression] = term["matchExpressions"]
    return expression


@pytest.mark.parametrize(
    ("environment", "pools"),
    [
        ("prod", ["trn1", "inf2"]),
        ("closed", ["block", "reserved", "unplaced"]),
        ("open", ["epyc", "b300"]),  # EPYC with EFA
    ],
)
def test_the_agent_runs_where_there_are_accelerators_or_efa_and_nowhere_else(
    values, environment, pools
):
    assert nodes(values(environment)["agent"]) == {
        "key": "pool",
        "operator": "In",
        "values": pools,
    }


@pytest.mark.parametrize(
    ("environment", "allocator", "neuron", "nvidia"),
    [
        ("prod", "device-plugin", True, False),
        ("prod", "dra", False, False),
        ("open", "device-plugin", False, True),
    ],
)
def test_the_exporters_are_those_of_the_pools_devices(
    values, environment, allocator, neuron, nvidia
):
    given = values(environment, allocator)

    assert given["neuronMonitor"]["enabled"] is neuron
    assert given["dcgmExporter"]["enabled"] is nvidia


def test_neurons_exporter_knows_every_neuron_type(values):
    known = nodes(values("prod")["neuronMonitor"])["values"]

    assert set(known) == {name for name, instance in INSTANCES.items() if instance.neuron}


def test_nothing_is_collected_that_nobody_asked_for(values):
    given = values("prod")

    assert given["containerLogs"] == given["applicationSignals"] == {"enabled": False}
    # The one that is left gives the agent's own description its defaults.
    assert {name for name, hook in given["admissionWebhooks"].items() if not hook["create"]} == {
        "instrumentations",
        "namespaces",
        "pods",
        "workloads",
    }


def test_pools_without_accelerators_or_efa_take_no_agent(environments):
    [plain] = [pool for pool in environments["dev"].pools if not pool.hardware.chip]

    assert monitor.watched([plain]) == []
