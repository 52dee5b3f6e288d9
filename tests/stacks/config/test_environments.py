from datetime import date
from ipaddress import ip_network
from itertools import combinations

import pytest

from stacks.config import load_environments


def test_the_projects_environments_are_the_three():
    assert list(load_environments()) == ["demo", "dev", "prod"]


def test_nothing_they_stand_on_had_lost_its_support_when_they_were_written():
    assert load_environments(today=date(2026, 11, 22))


def test_prod_has_the_three_pools_of_the_reference():
    pools = {pool.name: pool for pool in load_environments()["prod"].pools}

    assert {name: pool.instance_type for name, pool in pools.items()} == {
        "trn1": "trn1.32xlarge",
        "inf2": "inf2.48xlarge",
        "epyc": "m7a.48xlarge",
    }
    assert pools["trn1"].efa is True
    assert pools["trn1"].zone == "use2-az3"


def test_prod_keeps_its_data_and_its_api_to_itself():
    prod = load_environments()["prod"]

    assert prod.storage.retain is True
    assert prod.cluster.endpoint == "private"
    assert prod.gateway.public is False


@pytest.mark.parametrize("name", ["demo", "dev"])
def test_an_idle_environment_rents_no_node_and_keeps_nothing(name):
    config = load_environments()[name]

    assert all(pool.min_nodes == 0 for pool in config.pools)
    assert config.storage.retain is False


def test_demo_has_one_of_everything():
    demo = load_environments()["demo"]

    assert any(pool.efa for pool in demo.pools)
    assert {pool.hardware.family for pool in demo.pools} == {"trn1", "inf2", "m7a"}
    assert [endpoint.instance_type for endpoint in demo.endpoints] == ["ml.inf2.xlarge"]
    backends = {
        backend
        for model in demo.gateway.models
        for backend in ("bedrock", "openai", "sagemaker")
        if getattr(model, backend)
    }
    assert backends == {"bedrock", "openai", "sagemaker"}
    assert demo.gateway.image  # so that no Docker is needed
    assert demo.budget is not None


def test_networks_do_not_overlap_so_that_environments_can_be_peered():
    cidrs = [ip_network(config.network.cidr) for config in load_environments().values()]

    assert not any(one.overlaps(other) for one, other in combinations(cidrs, 2))
