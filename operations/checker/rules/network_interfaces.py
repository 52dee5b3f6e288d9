"""Network interfaces: which card and slot, and how many EFAs."""

from collections import Counter
from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.views.node_groups import Interface, NodeGroup
from workloads.hardware import Instance, NetworkCard

_EFA = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html"


@rule(
    "network-card",
    "F",
    title="Every interface is on a network card that the type has",
    without="EC2 refuses the launch: the network card index is out of range.",
    sources=[_EFA],
)
def network_card(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for hardware, interface in _on_hardware(group):
        count = len(hardware.network_cards)
        if interface.card is not None and not 0 <= interface.card < count:
            yield Found(
                group.boot,
                f"{interface.path('NetworkCardIndex')} is {interface.card}",
                f"{hardware.name} has {_cards(count)}: use 0 to {count - 1}",
            )


@rule(
    "device-index",
    "F",
    title="Device index 0 on card 0, then 0 or 1 on every other card; it never counts up",
    without="EC2 refuses the launch as soon as the index exceeds the slots of a card, which are "
    "two on Trn2, P5 and HPC types: \"The specified number '2' for the device index exceeds the "
    'maximum number of network interfaces supported by the network card".',
    sources=["https://github.com/eksctl-io/eksctl/issues/7520", _EFA],
)
def device_index(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for hardware, interface in _on_hardware(group):
        card = _card(hardware, interface)
        if card is None or interface.device is None:
            continue
        # Beyond card 0 nothing needs more than an EFA and one ENA interface, whatever fits.
        last = min(card.interfaces - 1, 1) if interface.efa else card.interfaces - 1
        if not 0 <= interface.device <= last:
            yield Found(
                group.boot,
                f"{interface.path('DeviceIndex')} is {interface.device} on card {card.index}, "
                f"where {hardware.name} has {card.interfaces} slots",
                "use 0 on card 0, and 0 or 1 on every other card",
            )


@rule(
    "interface-slot",
    "F",
    title="No two interfaces share a slot",
    without="EC2 refuses the launch: each interface needs its own device index on its card.",
    sources=[_EFA],
)
def interface_slot(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    slots = Counter((i.card, i.device) for i in group.interfaces)
    for (card, device), count in slots.items():
        if count > 1 and card is not None and device is not None:
            yield Found(
                group.boot,
                f"{count} interfaces have NetworkCardIndex {card} and DeviceIndex {device}",
                "give each interface a slot of its own; card and index count from 0",
            )


@rule(
    "primary-interface",
    "F",
    title="Card 0, device index 0 holds the primary interface, which is not efa-only",
    without="EC2 refuses the launch: an instance needs a primary interface with an address, and "
    "an efa-only interface has none.",
    sources=[_EFA, "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"],
)
def primary_interface(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if not group.interfaces or not group.interfaces_known:
        return
    if any(i.card is None or i.device is None for i in group.interfaces):
        return
    primary = [i for i in group.interfaces if (i.card, i.device) == (0, 0)]
    if not primary:
        yield Found(
            group.boot,
            "no interface has NetworkCardIndex 0 and DeviceIndex 0",
            "give the first interface both",
        )
    for interface in primary:
        if interface.kind == "efa-only":
            yield Found(
                group.boot,
                f"{interface.path('InterfaceType')} is efa-only at card 0, index 0",
                "make it interface, and put the efa-only one at card 0, index 1; or make it efa",
            )


@rule(
    "efa-capable",
    "F",
    title="EFA interfaces only on types and cards that take one",
    without="EC2 refuses the launch: the type has no EFA, or none on that card "
    "(card 0 of p6-b300 is ENA only).",
    sources=["https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html", _EFA],
)
def efa_capable(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for hardware, interface in _on_hardware(group):
        card = _card(hardware, interface)
        if interface.efa and card is not None and not card.efa:
            remedy = (
                f"{hardware.name} has no EFA: leave InterfaceType out"
                if not hardware.efa_interfaces
                else f"card {card.index} of {hardware.name} takes none: make it interface"
            )
            yield Found(
                group.boot, f"{interface.path('InterfaceType')} is {interface.kind}", remedy
            )


@rule(
    "efa-per-card",
    "F",
    title="One EFA interface per network card",
    without="EC2 refuses the launch: the count of EFA interfaces exceeds what the type takes. "
    "Counting cards instead of EFAs goes wrong on newer types.",
    sources=["https://github.com/eksctl-io/eksctl/issues/8685", _EFA],
)
def efa_per_card(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for hardware in group.hardware:
        cards = Counter(i.card for i in group.interfaces if i.efa and i.card is not None)
        for card, count in cards.items():
            if count > 1:
                yield Found(
                    group.boot,
                    f"{count} EFA interfaces are on card {card}",
                    f"{hardware.name} takes {hardware.efa_interfaces} EFAs, one on each card that "
                    "takes any",
                )


@rule(
    "efa-all-cards",
    "H",
    title="A node with accelerators and EFA has an EFA on every card that takes one",
    without="The node joins and jobs run, at a fraction of the network's bandwidth.",
    sources=["https://github.com/skypilot-org/skypilot/issues/8391", _EFA],
)
def efa_all_cards(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if not group.interfaces_known:
        return
    count = sum(interface.efa for interface in group.interfaces)
    for hardware in group.hardware:
        if hardware.chip and 0 < count < hardware.efa_interfaces:
            yield Found(
                group.boot,
                f"{count} of NetworkInterfaces are EFAs",
                f"{hardware.name} takes {hardware.efa_interfaces}: add one for each other card",
            )


def _on_hardware(group: NodeGroup) -> Iterator[tuple[Instance, Interface]]:
    for hardware in group.hardware:
        for interface in group.interfaces:
            yield hardware, interface


def _card(hardware: Instance, interface: Interface) -> NetworkCard | None:
    return next((card for card in hardware.network_cards if card.index == interface.card), None)


def _cards(count: int) -> str:
    return "1 network card" if count == 1 else f"{count} network cards"
