"""Properties of every instance type's interfaces, against EC2's own answer for the type."""

import dataclasses
import json
from pathlib import Path

import pytest

from stacks.config.types import refused
from stacks.node_pool.network_interfaces import loses_pods, max_pods, network_interfaces
from workloads import hardware

# EC2's answer as it is stored, past the classes that the code reads it through, of each type that
# a pool may have.
STORED = json.loads((Path(hardware.__file__).parent / "hardware.json").read_text())
ROWS = {name: row for name, row in STORED.items() if not refused(name)}
EFA_TYPES = [name for name, row in ROWS.items() if row["efa_interfaces"]]

every_layout = pytest.mark.parametrize("layout", ["efa", "efa-only"])
every_efa_type = pytest.mark.parametrize("instance_type", EFA_TYPES)
every_type = pytest.mark.parametrize("instance_type", ROWS)


@pytest.fixture
def interfaces(pool_of):
    """Give the interfaces of a type in a layout; None: without EFA."""

    def of(instance_type, layout):
        settings = {"efa_layout": layout} if layout else {"efa": False}
        pool = pool_of(instance_type, **settings)
        return network_interfaces(pool, ["sg-cluster", "sg-efa"])

    return of


@every_layout
@every_efa_type
def test_a_node_has_all_the_efas_that_ec2_allows_it(interfaces, instance_type, layout):
    efas = [i for i in interfaces(instance_type, layout) if i.interface_type.startswith("efa")]

    assert len(efas) == ROWS[instance_type]["efa_interfaces"]


@every_layout
@every_efa_type
def test_a_card_has_at_most_one_efa_and_only_if_it_takes_one(interfaces, instance_type, layout):
    efas = [i for i in interfaces(instance_type, layout) if i.interface_type.startswith("efa")]
    cards = [i.network_card_index for i in efas]

    assert len(set(cards)) == len(cards)
    assert set(cards) <= {index for index, _, efa in ROWS[instance_type]["network_cards"] if efa}


@every_layout
@every_efa_type
def test_each_interface_has_a_slot_of_its_own_on_a_card_that_is_there(
    interfaces, instance_type, layout
):
    slots = {index: slots for index, slots, _ in ROWS[instance_type]["network_cards"]}
    taken = [(i.network_card_index, i.device_index) for i in interfaces(instance_type, layout)]

    assert len(set(taken)) == len(taken)
    for card, device in taken:
        assert device < slots[card]


@every_layout
@every_efa_type
def test_the_first_interface_is_the_primary_one_and_carries_ip(interfaces, instance_type, layout):
    primary, *others = interfaces(instance_type, layout)

    assert (primary.network_card_index, primary.device_index) == (0, 0)
    assert primary.interface_type in ("interface", "efa")
    assert all((other.network_card_index, other.device_index) != (0, 0) for other in others)


@every_efa_type
def test_in_layout_efa_every_card_in_use_has_one_interface(interfaces, instance_type):
    found = interfaces(instance_type, "efa")
    cards = [i.network_card_index for i in found]

    assert cards == sorted(set(cards))
    assert [i.device_index for i in found] == [min(card, 1) for card in cards]


@every_efa_type
def test_in_layout_efa_only_one_interface_takes_an_address(interfaces, instance_type):
    primary, *others = interfaces(instance_type, "efa-only")

    assert primary.interface_type == "interface"
    assert {other.interface_type for other in others} == {"efa-only"}


@every_type
def test_without_efa_there_is_one_plain_interface(interfaces, instance_type):
    [interface] = interfaces(instance_type, None)

    assert interface.interface_type == "interface"
    assert (interface.network_card_index, interface.device_index) == (0, 0)


@every_layout
@every_efa_type
def test_groups_stand_in_each_interface_and_nothing_is_public(interfaces, instance_type, layout):
    for interface in interfaces(instance_type, layout):
        assert interface.groups == ["sg-cluster", "sg-efa"]
        assert interface.delete_on_termination is True
        assert interface.associate_public_ip_address is None
        assert interface.subnet_id is None
        assert interface.ipv4_prefix_count is None
        assert interface.primary_ipv6 is None


# The tables that AWS documents by hand: (card, device index, type) of the first and last interface,
# and how many there are.
@pytest.mark.parametrize(
    ("instance_type", "layout", "first", "second", "last", "count"),
    [
        ("trn1.32xlarge", "efa", (0, 0, "efa"), (1, 1, "efa"), (7, 1, "efa"), 8),
        ("trn2.48xlarge", "efa", (0, 0, "efa"), (1, 1, "efa"), (15, 1, "efa"), 16),
        ("hpc7a.96xlarge", "efa", (0, 0, "efa"), (1, 1, "efa"), (1, 1, "efa"), 2),
        ("p6-b300.48xlarge", "efa", (0, 0, "interface"), (1, 1, "efa"), (16, 1, "efa"), 17),
        (
            "trn2.48xlarge",
            "efa-only",
            (0, 0, "interface"),
            (0, 1, "efa-only"),
            (15, 0, "efa-only"),
            17,
        ),
        (
            "p6-b300.48xlarge",
            "efa-only",
            (0, 0, "interface"),
            (1, 0, "efa-only"),
            (16, 0, "efa-only"),
            17,
        ),
        (
            "trn2.3xlarge",
            "efa-only",
            (0, 0, "interface"),
            (0, 1, "efa-only"),
            (0, 1, "efa-only"),
            2,
        ),
    ],
)
def test_the_layouts_are_aws_own(interfaces, instance_type, layout, first, second, last, count):
    found = [
        (i.network_card_index, i.device_index, i.interface_type)
        for i in interfaces(instance_type, layout)
    ]

    assert (found[0], found[1], found[-1], len(found)) == (first, second, last, count)


@pytest.mark.parametrize(
    ("layout", "attached"),
    [
        ("efa", [(0, 0, "efa"), (1, 0, "efa"), (2, 1, "efa")]),
        ("efa-only", [(0, 0, "interface"), (1, 0, "efa-only"), (2, 0, "efa-only")]),
    ],
)
def test_an_invented_type_whose_cards_have_one_slot_is_laid_out_too(
    monkeypatch, interfaces, layout, attached
):
    """A new family is data alone; hpc6id, which is not in the table, has such cards."""
    cards = tuple(
        hardware.NetworkCard(index=index, interfaces=slots, efa=True)
        for index, slots in enumerate((1, 1, 2))
    )
    known = hardware.INSTANCES["trn1.32xlarge"]
    invented = dataclasses.replace(known, name="trn9.8xlarge", network_cards=cards)
    monkeypatch.setitem(hardware.INSTANCES, "trn9.8xlarge", invented)

    found = interfaces("trn9.8xlarge", layout)

    assert [(i.network_card_index, i.device_index, i.interface_type) for i in found] == attached


# maxPods by instance type: awslabs/amazon-eks-ami at v20260714, instance-info.jsonl, put into the
# formula of eni_max_pods.go, and EKS's cap of 250 (110 below 30 vCPUs).
@pytest.mark.parametrize(
    ("instance_type", "pods", "beside_an_efa_only_interface"),
    [
        ("trn1.32xlarge", 247, 198),
        ("trn2.48xlarge", 100, 51),
        ("trn2.3xlarge", 30, 16),
        ("p5.48xlarge", 100, 51),
        ("hpc8a.96xlarge", 100, 51),
        ("p6-b300.48xlarge", 198, 198),  # nothing shares its card 0
        ("m8a.48xlarge", 250, 250),  # 23 of 24 interfaces still give more than EKS allows
    ],
)
def test_an_efa_only_interface_on_card_0_takes_its_addresses_from_pods(
    pool_of, instance_type, pods, beside_an_efa_only_interface
):
    efa, only = (pool_of(instance_type, efa_layout=layout) for layout in ("efa", "efa-only"))

    assert max_pods(efa) == pods
    assert max_pods(only) == beside_an_efa_only_interface
    assert not loses_pods(efa)
    assert loses_pods(only) == (beside_an_efa_only_interface < pods)


@every_type
def test_no_node_is_promised_more_pods_than_card_0_has_addresses(pool_of, instance_type):
    row = ROWS[instance_type]
    _, slots, _ = row["network_cards"][0]

    pods = max_pods(pool_of(instance_type))

    assert 2 < pods <= slots * row["ipv4_per_interface"] - slots + 2
