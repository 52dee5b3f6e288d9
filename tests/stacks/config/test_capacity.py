import re

import pytest
from pydantic_core import PydanticCustomError

from stacks.config.capacity import KINDS, Placement, Purchase, purchase, sold
from workloads.hardware import INSTANCES

RESERVATION = "cr-0123456789abcdef0"
RESERVED = ("reservation", "capacity-block")
ALL = pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)


def buy(name, kind, **given):
    defaults = {
        "reservation": RESERVATION if kind in RESERVED else None,
        "placement_group": None,
        "efa": INSTANCES[name].efa_interfaces > 0,
        "min_nodes": 0,
        "max_nodes": 4,
    }
    return purchase(INSTANCES[name], kind=kind, **defaults | given)


def refused(name, kind, **given):
    """The key and the sentence of a refusal."""
    with pytest.raises(PydanticCustomError) as refusal:
        buy(name, kind, **given)
    return refusal.value.context["key"], str(refusal.value)


@ALL
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_accepted_exactly_where_ec2_sells_it_and_else_the_sold_ones_are_named(
    instance, kind
):
    sells = {
        "on-demand": instance.sold_on_demand,
        "reservation": "on-demand" in instance.usage_classes,
    }.get(kind, kind in instance.usage_classes)

    if sells:
        assert kind in sold(instance)
        assert isinstance(buy(instance.name, kind), Purchase)
    else:
        assert refused(instance.name, kind) == (
            "capacity.kind",
            f"AWS does not sell {instance.name} that way; choose one of "
            f"{', '.join(sold(instance))}",
        )


@ALL
@pytest.mark.parametrize("efa", [False, True])
def test_every_purchase_of_every_type_fits_together(instance, efa):
    for kind in sold(instance):
        bought = buy(instance.name, kind, efa=efa, min_nodes=0, max_nodes=64)

        block = bought.capacity_type == "CAPACITY_BLOCK"
        assert block == (kind == "capacity-block") == (bought.market_type == "capacity-block")
        assert (bought.capacity_type == "SPOT") == (kind == "spot")
        assert (bought.reservation == RESERVATION) == (kind in RESERVED)
        # Nothing that is reserved is placed anew: EC2 would find no capacity for it.
        assert bought.placement.kind == ("new" if efa and kind not in RESERVED else "none")
        assert bought.min_nodes == bought.desired_nodes == 0
        assert bought.max_nodes == 64


def test_a_reservation_is_used_in_the_placement_group_it_was_created_in():
    for efa in (False, True):
        bought = buy("p5.48xlarge", "reservation", placement_group="pg", efa=efa)

        assert bought.placement == Placement(kind="named", name="pg")


@pytest.mark.parametrize("kind", ["on-demand", "spot", "capacity-block"])
def test_no_other_kind_takes_a_named_placement_group(kind):
    assert refused("trn1.32xlarge", kind, placement_group="pg") == (
        "capacity.placement_group",
        f'kind = "{kind}" takes none; leave it out: it is only for a reservation that was '
        "created in it",
    )


@pytest.mark.parametrize("kind", RESERVED)
def test_a_reserved_kind_needs_the_id(kind):
    key, sentence = refused("trn1.32xlarge", kind, reservation=None)

    assert key == "capacity.reservation"
    assert re.match(f'is missing; kind = "{kind}" needs the ID', sentence)


@pytest.mark.parametrize("kind", ["on-demand", "spot"])
def test_a_kind_bought_freely_takes_no_id(kind):
    key, sentence = refused("trn1.32xlarge", kind, reservation=RESERVATION)

    assert key == "capacity.reservation"
    assert sentence.startswith(f'kind = "{kind}" takes none')


def test_nodes_asked_for_at_least_are_asked_for_at_once():
    bought = buy("trn1.32xlarge", "reservation", min_nodes=2, max_nodes=4)

    assert (bought.min_nodes, bought.desired_nodes, bought.max_nodes) == (2, 2, 4)


def test_a_capacity_block_gives_no_node_before_it_starts():
    key, sentence = refused("trn2.48xlarge", "capacity-block", min_nodes=2)

    assert key == "min_nodes"
    assert "no node before it starts" in sentence
    assert "leave min_nodes out" in sentence


def test_a_capacity_block_has_at_most_64_instances():
    assert buy("p5.48xlarge", "capacity-block", max_nodes=64).max_nodes == 64
    key, sentence = refused("p5.48xlarge", "capacity-block", max_nodes=65)

    assert key == "max_nodes"
    assert "at most 64 instances" in sentence


# Facts of AWS's own pages, read apart from the table: hpc types have no spot, Inf2 and trn1n no
# Capacity Blocks, Trn2 and p5e no on-demand price.
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("trn1.2xlarge", ["on-demand", "spot", "reservation"]),
        ("trn1.32xlarge", ["on-demand", "spot", "reservation", "capacity-block"]),
        ("trn1n.32xlarge", ["on-demand", "spot", "reservation"]),
        ("trn2.48xlarge", ["spot", "reservation", "capacity-block"]),
        ("inf2.48xlarge", ["on-demand", "spot", "reservation"]),
        ("hpc7a.96xlarge", ["on-demand", "reservation"]),
        ("p5e.48xlarge", ["spot", "reservation", "capacity-block"]),
        ("m7a.48xlarge", ["on-demand", "spot", "reservation"]),
    ],
)
def test_the_kinds_of_well_known_types(name, kinds):
    assert sold(INSTANCES[name]) == kinds
