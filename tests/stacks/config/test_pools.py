import pytest

from stacks.config import ConfigError, NodePoolConfig
from stacks.config import pools as pools_module
from stacks.config.capacity import KINDS, sold
from stacks.config.types import refused
from stacks.node_pool.network_interfaces import network_interfaces
from workloads.hardware import INSTANCES, REGIONS
from workloads.versions import VERSIONS

RESERVATION = "cr-0123456789abcdef0"
ALL = pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)


@pytest.mark.parametrize(
    ("instance_type", "max_nodes", "efa"),
    [
        ("trn1.32xlarge", 2, True),
        ("trn1.32xlarge", 1, False),
        ("trn1.2xlarge", 2, False),
        ("inf2.48xlarge", 4, False),
        ("m7a.48xlarge", 4, True),
        ("m7a.4xlarge", 4, False),
    ],
)
def test_efa_is_on_where_the_type_has_it_and_nodes_can_be_several(
    load_pool, instance_type, max_nodes, efa
):
    assert load_pool(instance_type=instance_type, max_nodes=max_nodes).efa is efa


def test_efa_can_be_left_out_or_asked_for_against_the_default(load_pool):
    assert load_pool(max_nodes=4, efa=False).efa is False
    assert load_pool(max_nodes=1, efa=True).efa is True


TRN2 = {"instance_type": "trn2.48xlarge", "capacity": {"kind": "spot"}}


def test_logical_cores_are_two_physical_ones_where_the_chip_joins_them(load_pool):
    assert load_pool().lnc is None
    assert load_pool(**TRN2).lnc == 2
    assert load_pool(**TRN2, lnc=1).lnc == 1


def test_the_layout_is_the_one_with_the_most_field_use_until_said_otherwise(load_pool):
    assert load_pool(max_nodes=2).efa_layout == "efa"
    assert load_pool(max_nodes=2, efa_layout="efa-only").efa_layout == "efa-only"


@pytest.mark.parametrize(
    ("instance_type", "changes", "addresses"),
    [
        ("trn1.32xlarge", {}, 50 + 7),
        ("trn1.32xlarge", {"efa": False}, 50),
        ("trn1.32xlarge", {"efa_layout": "efa-only"}, 50),
        ("trn2.48xlarge", {"capacity": {"kind": "spot"}}, 50 + 15),
        ("p6-b300.48xlarge", {"zone": "use1-az2"}, 50 + 16),
        ("inf2.xlarge", {}, 15),
        ("m8a.48xlarge", {}, 64),
    ],
)
def test_a_node_takes_an_address_per_interface_and_those_held_for_pods(
    instance_type, changes, addresses
):
    given = {"name": "one", "zone": "use2-az3", "instance_type": instance_type, "max_nodes": 2}

    pool = NodePoolConfig.model_validate(given | changes)

    assert pool.addresses_per_node == addresses


@pytest.mark.parametrize(
    "instance",
    [instance for instance in INSTANCES.values() if not refused(instance.name)],
    ids=lambda instance: instance.name,
)
@pytest.mark.parametrize("layout", ["efa", "efa-only"])
def test_a_node_takes_the_addresses_of_the_interfaces_it_is_given(instance, layout):
    given = {"name": "one", "zone": "use2-az3", "instance_type": instance.name, "max_nodes": 2}
    [kind, *_] = sold(instance)
    capacity = {"kind": kind} | (
        {"reservation": RESERVATION} if kind in ("reservation", "capacity-block") else {}
    )
    layouts = {"efa_layout": layout} if instance.efa_interfaces else {}

    pool = NodePoolConfig.model_validate(given | layouts | {"capacity": capacity})

    kinds = [interface.interface_type for interface in network_interfaces(pool, ["sg-1"])]
    assert pool.addresses_per_node == (
        sum(kind in ("efa", "interface") for kind in kinds) - 1 + instance.ipv4_per_interface
    )


REFUSED = {
    "missing zone": (
        {"zone": ...},
        ".zone is missing; it must be the ID of an Availability Zone, such as use2-az1",
    ),
    "misspelt key": ({"max_node": 4}, ".max_node = 4 is not a known key; did you mean max_nodes?"),
    "misspelt key below": (
        {"capacity": {"kid": "spot"}},
        '.capacity.kid = "spot" is not a known key; did you mean kind?',
    ),
    "text for a number": (
        {"max_nodes": "4"},
        '.max_nodes = "4": it must be a whole number of nodes from 1 to 450',
    ),
    "more at least than at most": (
        {"min_nodes": 5, "max_nodes": 4},
        ".min_nodes = 5: it is more than max_nodes = 4; lower it or raise max_nodes",
    ),
    "no node": (
        {"max_nodes": 0},
        ".max_nodes = 0: it must be a whole number of nodes from 1 to 450",
    ),
    "more nodes than a group may have": (
        {"max_nodes": 451},
        ".max_nodes = 451: it must be a whole number of nodes from 1 to 450",
    ),
    "negative nodes": (
        {"min_nodes": -1},
        ".min_nodes = -1: it must be a whole number of nodes, 0 or more",
    ),
    "misspelt type": (
        {"instance_type": "trn1.32xlage"},
        '.instance_type = "trn1.32xlage": not an instance type of the hardware table; '
        "did you mean trn1.32xlarge?",
    ),
    "EFA on Inferentia2": (
        {"instance_type": "inf2.48xlarge", "efa": True},
        ".efa = true: inf2.48xlarge has no EFA interface; set efa = false, or choose "
        "a type that has one, such as trn1.32xlarge",
    ),
    "EFA on a small size": (
        {"instance_type": "trn1.2xlarge", "efa": True},
        ".efa = true: trn1.2xlarge has no EFA interface; set efa = false, or choose trn1.32xlarge",
    ),
    "unknown layout": (
        {"max_nodes": 2, "efa_layout": "ena"},
        '.efa_layout = "ena": it must be "efa" or "efa-only"',
    ),
    "layout of nothing": (
        {"efa_layout": "efa-only"},
        '.efa_layout = "efa-only": the pool has no EFA interface to lay out; leave it out, '
        "or set efa = true",
    ),
    "logical cores of Trainium1": (
        {"lnc": 2},
        ".lnc = 2: the NeuronCores of trn1.32xlarge cannot be joined; leave it out: "
        "it is only for Trainium2",
    ),
    "logical cores of a processor": (
        {"instance_type": "m7a.xlarge", "lnc": 1},
        ".lnc = 1: the NeuronCores of m7a.xlarge cannot be joined; leave it out: "
        "it is only for Trainium2",
    ),
    "logical cores that there are not": (
        {**TRN2, "lnc": 4},
        ".lnc = 4: trn2.48xlarge takes 1 or 2",
    ),
    "logical cores as a switch": (
        {**TRN2, "lnc": True},
        ".lnc = true: it must be 1 or 2, the physical NeuronCores per logical one",
    ),
    "more huge pages than memory": (
        {"instance_type": "inf2.xlarge", "hugepages": 5128},
        ".hugepages = 5128: pages of 2 MiB are 10.02 GiB of the 16 GiB of inf2.xlarge; "
        "at most 4096, half of it, so that the node itself keeps memory",
    ),
    "negative huge pages": (
        {"hugepages": -1},
        ".hugepages = -1: it must be a whole number of 2-MiB pages, 0 or more",
    ),
    "an idle pool without anything metered": (
        {"instance_type": "m7a.4xlarge", "idle_hours": 6},
        ".idle_hours = 6: m7a.4xlarge has no accelerator that is metered; leave it out: the "
        "autoscaler takes empty nodes above min_nodes after ten minutes",
    ),
    "an idle pool that is paid anyway": (
        {"idle_hours": 6, "capacity": {"kind": "reservation", "reservation": RESERVATION}},
        ".idle_hours = 6: a reservation is paid whether nodes run or not, so that their end saves "
        "nothing; leave it out: an alarm tells of idle accelerators in any case",
    ),
    "an idle block": (
        {"idle_hours": 6, "capacity": {"kind": "capacity-block", "reservation": RESERVATION}},
        ".idle_hours = 6: a capacity-block is paid whether nodes run or not, so that their end "
        "saves nothing; leave it out: an alarm tells of idle accelerators in any case",
    ),
    "idle at once": (
        {"idle_hours": 0},
        ".idle_hours = 0: it must be a whole number of hours from 1 to 336, two weeks",
    ),
    "idle for a part of an hour": (
        {"idle_hours": 0.5},
        ".idle_hours = 0.5: it must be a whole number of hours from 1 to 336, two weeks",
    ),
    "unknown kind": (
        {"capacity": {"kind": "ondemand"}},
        '.capacity.kind = "ondemand": it must be "on-demand", "spot", "reservation" '
        'or "capacity-block"',
    ),
    "spot where there is none": (
        {"instance_type": "hpc7a.96xlarge", "zone": "use2-az2", "capacity": {"kind": "spot"}},
        '.capacity.kind = "spot": AWS does not sell hpc7a.96xlarge that way; '
        "choose one of on-demand, reservation",
    ),
    "on-demand where there is no price": (
        {"instance_type": "trn2.48xlarge"},
        '.capacity.kind = "on-demand": AWS does not sell trn2.48xlarge that way; '
        "choose one of spot, reservation, capacity-block",
    ),
    "Capacity Block with a least size": (
        {
            "min_nodes": 1,
            "max_nodes": 2,
            "capacity": {"kind": "capacity-block", "reservation": RESERVATION},
        },
        ".min_nodes = 1: a Capacity Block gives no node before it starts, and the node group would "
        "fail; leave min_nodes out, and scale the group up once the block has started",
    ),
    "Capacity Block that is too large": (
        {
            "max_nodes": 65,
            "capacity": {"kind": "capacity-block", "reservation": RESERVATION},
        },
        ".max_nodes = 65: a Capacity Block has at most 64 instances; lower it, and make a pool "
        "for each further block",
    ),
    "Capacity Block with placement group": (
        {
            "capacity": {
                "kind": "capacity-block",
                "reservation": RESERVATION,
                "placement_group": "pg",
            }
        },
        '.capacity.placement_group = "pg": kind = "capacity-block" takes none; leave it out: it is '
        "only for a reservation that was created in it",
    ),
    "reservation without its ID": (
        {"capacity": {"kind": "reservation"}},
        '.capacity.reservation is missing; kind = "reservation" needs the ID of '
        "the reservation, such as cr-0123456789abcdef0",
    ),
    "no ID of a reservation": (
        {"capacity": {"kind": "reservation", "reservation": "cr-1"}},
        '.capacity.reservation = "cr-1": it must be the ID of a capacity '
        "reservation, such as cr-0123456789abcdef0",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_pool_ends_in_one_sentence_with_key_value_and_remedy(refusal, changes, sentence):
    assert refusal(pools=[changes]) == f'pools["one"]{sentence}'


def test_a_pool_without_a_name_is_called_by_its_place(refusal):
    assert refusal(pools=[{"name": ...}]) == (
        "pools[0].name is missing; it must be up to 20 lower-case letters, digits and hyphens "
        "that start with a letter and end with a letter or a digit"
    )
    assert refusal(pools=[{"name": "Train_1"}]) == (
        'pools["Train_1"].name = "Train_1": it must be up to 20 lower-case letters, digits and '
        "hyphens that start with a letter and end with a letter or a digit"
    )


@ALL
def test_efa_is_accepted_exactly_where_the_type_has_it(instance):
    pools_module.check_efa(instance, efa=False)
    if instance.efa_interfaces:
        pools_module.check_efa(instance, efa=True)
    else:
        with pytest.raises(ValueError, match=f"{instance.name} has no EFA interface"):
            pools_module.check_efa(instance, efa=True)


@ALL
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_bought_any_way_is_a_pool_that_fits_or_one_sentence(load, instance, kind):
    region, zones = next(iter(instance.zones.items()))
    reserved = kind in ("reservation", "capacity-block")
    others = [zone for zone in _zones(region) if zone != zones[0]]
    pool = {
        "instance_type": instance.name,
        "zone": zones[0],
        "max_nodes": 8,
        "capacity": {"kind": kind} | ({"reservation": RESERVATION} if reserved else {}),
    }

    try:
        config = load(region=region, network={"zones": [zones[0], others[0]]}, pools=[pool])
    except ConfigError as error:
        [sentence] = str(error).splitlines()
        unsold = kind not in sold(instance)
        unsupported = instance.neuron and instance.family not in VERSIONS.neuron
        assert unsold or unsupported or instance.family == "trn2u"
        assert instance.name in sentence
        assert 'pools["one"].' in sentence
        return
    [bought] = config.pools
    assert kind in sold(instance)
    assert bought.efa is (instance.efa_interfaces > 0)
    assert bought.purchase.placement.kind == ("new" if bought.efa and not reserved else "none")
    assert bought.purchase.reservation == (RESERVATION if reserved else None)
    assert bought.purchase.market_type == ("capacity-block" if kind == "capacity-block" else None)
    assert (bought.purchase.min_nodes, bought.purchase.max_nodes) == (0, 8)


def _zones(region):
    return [zone for zone in REGIONS[region] if zone != "use1-az3"]
