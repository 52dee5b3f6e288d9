import pytest

from operations.checker import check
from workloads.hardware import INSTANCES


def count_up(nics):
    for nic in nics:
        nic["DeviceIndex"] = nic["NetworkCardIndex"]


def third_slot(nics):
    nics[3]["DeviceIndex"] = 2


def beyond_the_last_card(nics):
    nics[7]["NetworkCardIndex"] = 8


def shared_slot(nics):
    nics[7] |= {"NetworkCardIndex": 6, "InterfaceType": "interface"}


def no_primary(nics):
    nics[0]["DeviceIndex"] = 1


def efa_only_primary(nics):
    nics[0]["InterfaceType"] = "efa-only"


def two_on_a_card(nics):
    nics[7] |= {"NetworkCardIndex": 0, "DeviceIndex": 1}


def half_of_them(nics):
    del nics[4:]


def public(nics):
    nics[0]["AssociatePublicIpAddress"] = True


def prefixes(nics):
    nics[1] |= {"InterfaceType": "efa-only", "Ipv4PrefixCount": 1}


def groupless(nics):
    for nic in nics:
        del nic["Groups"]


def subnet(nics):
    nics[0]["SubnetId"] = "subnet-0123456789abcdef0"


def kept(nics):
    del nics[2]["DeleteOnTermination"]


def kept_on_purpose(nics):
    nics[2]["DeleteOnTermination"] = "false"


@pytest.mark.parametrize(
    ("rules", "plant"),
    [
        ({"device-index"}, count_up),
        ({"device-index"}, third_slot),
        ({"network-card"}, beyond_the_last_card),
        ({"interface-slot", "efa-all-cards"}, shared_slot),
        ({"primary-interface"}, no_primary),
        ({"primary-interface"}, efa_only_primary),
        ({"efa-per-card"}, two_on_a_card),
        ({"efa-all-cards"}, half_of_them),
        ({"public-address"}, public),
        ({"efa-only-address"}, prefixes),
        ({"groups-in-interfaces"}, groupless),
        ({"managed-template"}, subnet),
        ({"delete-on-termination"}, kept),
        ({"delete-on-termination"}, kept_on_purpose),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_trap_among_the_interfaces_is_found_and_nothing_else(prod, rules, plant):
    plant(prod.interfaces())

    assert prod.rules == rules


def test_groups_beside_the_interfaces_are_found(prod):
    prod.data()["SecurityGroupIds"] = ["sg-0123456789abcdef0"]

    assert prod.rules == {"groups-beside-interfaces"}


@pytest.mark.parametrize(
    "setting",
    [
        {"IamInstanceProfile": {"Arn": "arn:aws:iam::111122223333:instance-profile/n"}},
        {"HibernationOptions": {"Configured": True}},
        {"InstanceInitiatedShutdownBehavior": "terminate"},
        {"InstanceMarketOptions": {"MarketType": "spot"}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_what_is_the_managed_groups_to_say_is_found_in_its_template(prod, setting):
    prod.data().update(setting)

    assert prod.rules == {"managed-template"}


def test_efa_on_a_type_without_it_is_found(prod):
    prod.interfaces("inf2")[0]["InterfaceType"] = "efa"

    assert "efa-capable" in prod.rules


def template(instance, interfaces):
    """A launch template that no group uses."""
    data = {"InstanceType": instance.name, "NetworkInterfaces": interfaces}
    properties = {"LaunchTemplateData": data}
    return {"Resources": {"T": {"Type": "AWS::EC2::LaunchTemplate", "Properties": properties}}}


def interface(card, device, kind):
    return {
        "NetworkCardIndex": card,
        "DeviceIndex": device,
        "InterfaceType": kind,
        "Groups": ["sg-0123456789abcdef0"],
        "DeleteOnTermination": True,
    }


def efa_on_every_card(instance):
    """Index 0 on card 0, 1 on every other; a plain primary where card 0 takes no EFA."""
    return [
        interface(card.index, min(card.index, 1), "efa" if card.efa else "interface")
        for card in instance.network_cards
    ]


def efa_only_beside_a_plain_primary(instance):
    """What EC2's documentation advises: card 0 has both, every other card an efa-only one."""
    return [interface(0, 0, "interface")] + [
        interface(card.index, 0 if card.index else 1, "efa-only")
        for card in instance.network_cards
        if card.efa
    ]


@pytest.mark.parametrize("layout", [efa_on_every_card, efa_only_beside_a_plain_primary])
def test_both_layouts_are_clean_on_every_type_with_efa(layout):
    for instance in INSTANCES.values():
        if instance.efa_interfaces:
            assert check({"t": template(instance, layout(instance))}) == [], instance.name


@pytest.mark.parametrize("layout", [efa_on_every_card, efa_only_beside_a_plain_primary])
def test_a_card_more_is_found_on_every_type(layout):
    for instance in INSTANCES.values():
        extra = interface(len(instance.network_cards), 1, "interface")
        found = check({"t": template(instance, [*efa_on_every_card(instance), extra])})
        assert "network-card" in {finding.rule for finding in found}, instance.name


def test_an_index_beyond_a_cards_slots_is_found_on_every_type():
    for instance in INSTANCES.values():
        for card in instance.network_cards:
            extra = interface(card.index, card.interfaces, "interface")
            found = check({"t": template(instance, [*efa_on_every_card(instance), extra])})
            assert {finding.rule for finding in found} == {"device-index"}, instance.name


def test_efa_on_a_type_without_is_found_on_every_type():
    for instance in INSTANCES.values():
        if not instance.efa_interfaces:
            found = check({"t": template(instance, [interface(0, 0, "efa")])})
            assert {finding.rule for finding in found} == {"efa-capable"}, instance.name


def test_the_first_card_of_p6_b300_takes_no_efa():
    instance = INSTANCES["p6-b300.48xlarge"]
    interfaces = efa_on_every_card(instance)
    interfaces[0]["InterfaceType"] = "efa"

    [finding] = check({"t": template(instance, interfaces)})

    assert finding.rule == "efa-capable"
    assert "card 0 of p6-b300.48xlarge takes none" in finding.remedy
