"""The price table: dated, of known types, and silent about what it does not know."""

import json
import re

import pytest

from workloads.hardware import INSTANCES
from workloads.prices import FILE, PRICES, UnknownPrice, read

TABLES = ("on_demand", "capacity_block", "spot", "hosting", "compared")
ROWS = [
    price
    for table in TABLES
    for regions in getattr(PRICES, table).values()
    for price in regions.values()
]
SERVICES = [price for row in PRICES.services.values() for price in row.prices.values()]


def test_every_price_is_of_a_known_type_and_has_a_date_and_a_source():
    assert len(ROWS) > 900
    for price in ROWS:
        name = price.instance_type.removeprefix("ml.")
        assert (name in INSTANCES) is (name not in PRICES.compared)
        assert price.usd_per_hour > 0
    for price in (*ROWS, *SERVICES):
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", price.source.date), price
        assert price.source.what


def test_every_service_has_a_unit_and_says_what_it_is():
    assert len(SERVICES) > 40
    for key, row in PRICES.services.items():
        assert row.what and row.per, key
        assert all(price.usd > 0 for price in row.prices.values()), key
        assert all(price.service == key for price in row.prices.values())


def test_a_service_costs_what_its_region_asks_or_what_every_region_does():
    assert PRICES.find_service("s3_gb_month", "sa-east-1").usd == 0.0405
    assert PRICES.find_service("eks_hour", "sa-east-1").usd == 0.1  # its page names no region
    with pytest.raises(
        UnknownPrice, match=r"in eu-west-1, per hour, is unknown; .* us-east-1 \(0\.045 USD\)"
    ):
        PRICES.find_service("nat_gateway_hour", "eu-west-1")
    with pytest.raises(KeyError):
        PRICES.find_service("nat_gateway", "us-east-2")


def test_spot_and_endpoints_have_tables_of_their_own():
    assert PRICES.find_spot("trn1.32xlarge", "us-east-2").bought == "spot"
    with pytest.raises(UnknownPrice, match=r"m7a\.large in us-east-2, spot, is unknown"):
        PRICES.find_spot("m7a.large", "us-east-2")
    assert PRICES.find_hosting("ml.inf2.xlarge", "us-east-2").usd_per_hour == 0.99
    assert PRICES.find("inf2.xlarge", "us-east-2").usd_per_hour == 0.7582
    with pytest.raises(UnknownPrice, match=r"ml\.trn1\.2xlarge in us-east-2, real-time"):
        PRICES.find_hosting("ml.trn1.2xlarge", "us-east-2")


def test_every_source_is_used():
    named = json.loads(FILE.read_text("utf-8"))["sources"].keys()

    assert named == {price.source.name for price in (*ROWS, *SERVICES)}


def test_only_what_ec2_sells_that_way_has_a_price():
    for name in PRICES.on_demand:
        assert INSTANCES[name].sold_on_demand, name
    for name in PRICES.capacity_block:
        assert "capacity-block" in INSTANCES[name].usage_classes, name


def test_a_price_says_how_old_it_is():
    price = PRICES.find("trn1.32xlarge", "us-west-2")

    assert price.usd_per_hour == 21.5
    assert "21.5 USD per hour for trn1.32xlarge in us-west-2, on demand, as of 2025-08" in str(
        price
    )


def test_a_block_of_the_same_type_is_another_price():
    on_demand = PRICES.find("trn1.32xlarge", "us-east-2")
    block = PRICES.find("trn1.32xlarge", "us-east-2", capacity_block=True)

    assert (on_demand.bought, block.bought) == ("on demand", "capacity block")
    assert block.usd_per_hour == 9.532


@pytest.mark.parametrize(
    ("instance_type", "region", "block", "sentence"),
    [
        ("trn9.48xlarge", "us-east-2", False, "is not an instance type of hardware.json"),
        ("trn2.48xlarge", "us-east-2", False, "EC2 does not sell it on demand"),
        ("trn1.32xlarge", "eu-west-1", False, "has it in us-east-1, us-east-2, us-west-2"),
        ("inf2.xlarge", "us-east-2", True, "no Capacity Block of it"),
        ("trn2.3xlarge", "us-east-2", True, "has it in ap-south-2, ap-southeast-4, sa-east-1"),
        ("p6-b300.48xlarge", "eu-west-1", True, "has it in us-east-1, us-west-2"),
    ],
)
def test_an_unknown_price_is_said_and_not_guessed(instance_type, region, block, sentence):
    with pytest.raises(UnknownPrice) as unknown:
        PRICES.find(instance_type, region, capacity_block=block)

    assert instance_type in str(unknown.value)
    assert sentence in str(unknown.value)


def test_a_table_names_only_sources_it_has():
    with pytest.raises(KeyError, match="nowhere"):
        read('{"sources": {}, "on_demand": {"a": {"r": [1, "nowhere"]}}, "capacity_block": {}}')
