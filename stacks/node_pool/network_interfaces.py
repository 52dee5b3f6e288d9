"""Which network interfaces a node starts with, and how many pods they leave addresses for."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_ec2 as ec2

from stacks.config import NodePoolConfig

Interface = ec2.CfnLaunchTemplate.NetworkInterfaceProperty


def network_interfaces(pool: NodePoolConfig, security_groups: Sequence[str]) -> list[Interface]:
    """The interfaces of a pool's launch template.

    Groups stand in each interface, because EC2 takes no group beside a list of interfaces; the
    subnet is the node group's to add. None is public: EC2 gives no public address to an instance
    with several interfaces, and no node needs one.
    """
    return [
        Interface(
            network_card_index=card,
            device_index=device,
            interface_type=kind,
            groups=list(security_groups),
            delete_on_termination=True,
        )
        for card, device, kind in _attachments(pool)
    ]


def _attachments(pool: NodePoolConfig) -> Iterator[tuple[int, int, str]]:
    """(network card, device index, type) of each interface; the primary one comes first.

    Layout "efa", the one with the most field use: device index 0 on card 0 and 1 on every other
    card. EC2 refuses to count on (eksctl #7520), and 0 is right only where a card has one slot
    (aws-parallelcluster #6930). Layout "efa-only", which the EC2 user guide has recommended since
    2026 (efa-acc-inst-types): a plain primary interface, and EFA-only ones beside it on card 0 and
    alone on the others. An EFA-only interface cannot be the primary one. Card 0 of p6-b300 takes
    no EFA: there, both begin with a plain one (aws-parallelcluster #7143).
    """
    first, *others = pool.hardware.network_cards
    if not pool.efa:
        yield first.index, 0, "interface"
        return
    only = pool.efa_layout == "efa-only"
    yield first.index, 0, "efa" if first.efa and not only else "interface"
    if _shares_first_card(pool):
        yield first.index, 1, "efa-only"
    for card in others:
        if card.efa:
            yield (
                (card.index, 0, "efa-only")
                if only
                else (card.index, min(1, card.interfaces - 1), "efa")
            )


def _shares_first_card(pool: NodePoolConfig) -> bool:
    """Whether an EFA-only interface sits beside the primary one, on card 0."""
    first = pool.hardware.network_cards[0]
    return pool.efa and pool.efa_layout == "efa-only" and first.efa and first.interfaces > 1


def max_pods(pool: NodePoolConfig) -> int:
    """How many pods the kubelet may admit.

    The VPC CNI takes addresses from the interfaces of card 0, each keeping one for itself; two
    pods share the node's own (awslabs/amazon-eks-ami, nodeadm/internal/kubelet/eni_max_pods.go).
    An EFA-only interface there has none to give (aws/karpenter-provider-aws,
    designs/efa-for-static-capacity.md). EKS caps the number by vCPUs (EKS user guide,
    cni-increase-ip-addresses).
    """
    hardware = pool.hardware
    slots = hardware.network_cards[0].interfaces - _shares_first_card(pool)
    cap = 110 if hardware.vcpus < 30 else 250
    return min(slots * (hardware.ipv4_per_interface - 1) + 2, cap)


def loses_pods(pool: NodePoolConfig) -> bool:
    """Whether EKS, which looks at the instance type alone, would allow too many pods."""
    return _shares_first_card(pool) and max_pods(pool) < max_pods(
        pool.model_copy(update={"efa": False})
    )
