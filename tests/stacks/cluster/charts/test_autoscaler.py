import pytest

from stacks.cluster.charts import autoscaler


def values(allocator="device-plugin"):
    return autoscaler.values(allocator, cluster_name="mine", region="us-east-2")


def test_it_finds_the_clusters_groups_by_their_tags_and_needs_no_metadata_service():
    assert values()["autoDiscovery"] == {"clusterName": "mine"}
    assert values()["awsRegion"] == "us-east-2"
    assert values()["nodeSelector"] == {"pool": "system"}


def test_a_node_goes_when_it_has_been_empty_and_none_is_drained():
    arguments = values()["extraArgs"]

    assert arguments["max-drain-parallelism"] == 0
    assert arguments["scale-down-unneeded-time"] == "10m"
    assert arguments["balance-similar-node-groups"] is False


@pytest.mark.parametrize(("allocator", "said"), [("device-plugin", False), ("dra", True)])
def test_claims_are_looked_at_under_dra(allocator, said):
    arguments = values(allocator)["extraArgs"]

    assert arguments.get("enable-dynamic-resource-allocation", False) is said
