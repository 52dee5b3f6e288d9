"""The rules that join several values of an environment file.

Each raises an error whose sentence says what would be right.
"""

from collections.abc import Iterable, Sequence

from stacks.config.errors import wrong
from stacks.config.pools import NodePoolConfig
from stacks.config.types import refused
from workloads.hardware import CHIPS, INSTANCES, REGIONS, Instance
from workloads.version_rules import numbers
from workloads.versions import VERSIONS

# Zones that EKS takes no cluster subnet in: EKS user guide, network-reqs; eksctl, pkg/az/az.go.
_WITHOUT_EKS = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})

_SYSTEM_POOL = "system"  # the label "pool" of the cluster's own nodes


def check_network_zones(region: str, zones: tuple[str, ...]) -> None:
    for zone in zones:
        if zone not in REGIONS[region]:
            known = ", ".join(REGIONS[region])
            # The table knows zones by the types they offer, so it may lack one that there is.
            here = zone.partition("-")[0] == REGIONS[region][0].partition("-")[0]
            raise wrong(
                "network.zones",
                zones,
                f"no type of the hardware table is offered in {zone}; choose from {known}"
                if here
                else f"{zone} is not a zone of {region}, which has {known}",
            )
        if zone in _WITHOUT_EKS:
            others = [other for other in REGIONS[region] if other not in _WITHOUT_EKS]
            raise wrong(
                "network.zones",
                zones,
                f"EKS has no control plane in {zone}, and every zone of the network is the "
                f"cluster's; choose from {', '.join(others)}",
            )


def check_offered(
    key: str, instance: Instance, zone: str, region: str, network_zones: tuple[str, ...]
) -> None:
    """Whether the type is rented in the zone; `key` is the pool's."""
    offered = [zone for zone in instance.zones.get(region, ()) if zone not in _WITHOUT_EKS]
    if zone in _WITHOUT_EKS:
        raise wrong(
            f"{key}.zone",
            zone,
            "EKS has no control plane in it, so that the network has no subnet there; in "
            f"{region} {instance.name} is offered in {', '.join(offered) or 'no other zone'}",
        )
    if not offered:
        raise wrong(
            f"{key}.instance_type",
            instance.name,
            f"{region} does not offer it; it is offered in {', '.join(instance.zones)}",
        )
    if zone not in offered:
        raise wrong(
            f"{key}.zone",
            zone,
            f"it does not offer {instance.name}; in {region} that is offered in "
            f"{', '.join(offered)}",
        )
    if zone not in network_zones:
        both = [zone for zone in offered if zone in network_zones]
        other = f", or choose {' or '.join(both)}" if both else ""
        raise wrong(f"{key}.zone", zone, f"it is not one of network.zones; add it there{other}")


def check_neuron_stack(key: str, instance: Instance, kubernetes_version: str) -> None:
    """Whether a node image is known whose driver runs the Neuron SDK of the type's family."""
    if not instance.neuron:
        return
    if instance.family not in VERSIONS.neuron:
        others = [family for family in VERSIONS.neuron if not refused(family)]
        # A chip that neuronx-cc compiles for waits for a row; Inferentia1 is at its end.
        row = instance.chip and instance.chip.compiler_target
        more = f", and a row [[neuron]] of workloads/versions.toml gives {instance.family} its own"
        raise wrong(
            f"{key}.instance_type",
            instance.name,
            f"no supported Neuron SDK runs on {instance.family}; {', '.join(others)} have one"
            f"{more if row else ''}",
        )
    if VERSIONS.neuron_ami(kubernetes_version, instance.family) is None:
        fitting = [v for v in VERSIONS.kubernetes if VERSIONS.neuron_ami(v, instance.family)]
        raise wrong(
            "cluster.kubernetes_version",
            kubernetes_version,
            f"no node image known for it runs the Neuron SDK of {instance.name} "
            f"({VERSIONS.neuron[instance.family].sdk}); choose {' or '.join(fitting)}",
        )


def check_allocator(
    allocator: str, kubernetes_version: str, pools: Iterable[NodePoolConfig]
) -> None:
    """What Neuron's DRA driver asks for: aws-neuron-sdk, deploy/eks/dra.rst.

    The autoscaler simulates a node of an empty group without ResourceSlices, so no claim fits it
    (kubernetes/autoscaler 55c37cd, cloudprovider/aws/aws_cloud_provider.go, TemplateNodeInfo); once
    a group has a node, that one's are copied (kubernetes/autoscaler #10277).
    """
    if allocator != "dra":
        return
    if numbers(kubernetes_version) < (1, 34):
        raise wrong(
            "cluster.neuron_allocator",
            allocator,
            "Neuron's DRA driver needs Kubernetes 1.34 or newer, and cluster.kubernetes_version is "
            f'"{kubernetes_version}"; raise it, or set neuron_allocator = "device-plugin"',
        )
    for pool in pools:
        if pool.hardware.neuron:
            _check_dra(pool)


def _check_dra(pool: NodePoolConfig) -> None:
    key = f'pools["{pool.name}"]'
    chip = pool.hardware.chip
    if chip and not chip.dra:
        documented = [known.name for known in CHIPS.values() if known.dra]
        raise wrong(
            f"{key}.instance_type",
            pool.instance_type,
            f"Neuron documents its DRA driver for {' and '.join(documented)}, not for {chip.name}; "
            'set cluster.neuron_allocator = "device-plugin", which serves both',
        )
    if "lnc" in pool.model_fields_set:
        raise wrong(
            f"{key}.lnc",
            pool.lnc,
            'with neuron_allocator = "dra" each claim sets its own; leave it out',
        )
    if pool.idle_hours is not None:
        raise wrong(
            f"{key}.idle_hours",
            pool.idle_hours,
            "Neuron's monitor does not run beside its DRA driver, and nothing would tell when the "
            'pool is idle; leave it out, or set cluster.neuron_allocator = "device-plugin"',
        )
    if pool.min_nodes == 0 and pool.capacity.kind != "capacity-block":
        raise wrong(
            f"{key}.min_nodes",
            0,
            'with neuron_allocator = "dra" no job brings the first node, because the autoscaler '
            "cannot tell which devices an empty group would offer; set min_nodes = 1 or more, or "
            'cluster.neuron_allocator = "device-plugin"',
        )


def check_reservations(pools: Iterable[NodePoolConfig]) -> None:
    """A reservation is of one kind, and holds one instance type in one zone and placement group."""
    known: dict[str, NodePoolConfig] = {}
    for pool in pools:
        if (reservation := pool.capacity.reservation) is None:
            continue
        other = known.setdefault(reservation, pool)
        mine, others = (_reserved(p) for p in (pool, other))
        if mine != others:
            raise wrong(
                f'pools["{pool.name}"].capacity.reservation',
                reservation,
                f'pools["{other.name}"] has it as {" ".join(others)}, and here it is '
                f"{' '.join(mine)}; a reservation is one of them, so give each pool its own",
            )


def _reserved(pool: NodePoolConfig) -> tuple[str, ...]:
    group = pool.capacity.placement_group
    placed = (f"in placement group {group}",) if group else ()
    return (pool.capacity.kind, pool.instance_type, pool.zone, *placed)


def check_placement_groups(pools: Iterable[NodePoolConfig]) -> None:
    """A reservation's placement group is a cluster group, which lies in one zone.

    EC2 user guide: Capacity Reservations with cluster placement groups (cr-cpg).
    """
    known: dict[str, NodePoolConfig] = {}
    for pool in pools:
        if (group := pool.capacity.placement_group) is None:
            continue
        other = known.setdefault(group, pool)
        if pool.zone != other.zone:
            raise wrong(
                f'pools["{pool.name}"].capacity.placement_group',
                group,
                f'pools["{other.name}"] has it in {other.zone}, and here it is in {pool.zone}; a '
                "cluster placement group lies in one zone, so name the one of this reservation",
            )


def check_addresses(cidr: str, subnet: int, pools: Sequence[NodePoolConfig]) -> None:
    """Whether the nodes of each zone find addresses in its subnet, which has `subnet` of them."""
    for zone in dict.fromkeys(pool.zone for pool in pools):
        here = [pool for pool in pools if pool.zone == zone]
        need = sum(pool.max_nodes * pool.addresses_per_node for pool in here)
        if need <= subnet:
            continue
        shares = " and ".join(
            f'pools["{pool.name}"] {pool.max_nodes} nodes of {pool.addresses_per_node}'
            for pool in here
        )
        larger = "" if cidr.endswith("/16") else "choose a larger range, up to /16, or "
        raise wrong(
            "network.cidr",
            cidr,
            f"it gives the subnet of {zone} {subnet} addresses, and its pools can take {need} "
            f"({shares}; one for each network interface, and those the VPC CNI holds for pods); "
            f"{larger}lower max_nodes",
        )


def check_hosting_region(region: str) -> None:
    """Whether AWS publishes the endpoints' image in the region."""
    if region not in VERSIONS.sagemaker.regions:
        raise wrong(
            "endpoints",
            None,
            f"cannot be in {region}: AWS does not publish {VERSIONS.sagemaker.repository} there; "
            f"it does in {', '.join(VERSIONS.sagemaker.regions)}",
        )


def check_hosting_type(key: str, hosting_type: str, region: str) -> None:
    """Whether the region has the type; SageMaker offers it where EC2 does, or in fewer regions."""
    offered = INSTANCES[hosting_type.removeprefix("ml.")].zones
    if region not in offered:
        regions = [other for other in offered if other in VERSIONS.sagemaker.regions]
        raise wrong(
            f"{key}.instance_type",
            hosting_type,
            f"{region} does not offer it; choose another type, or one of {', '.join(regions)}",
        )


def check_public(public: bool, egress: str) -> None:
    """A public gateway's load balancer needs public subnets."""
    if public and egress == "private":
        raise wrong(
            "gateway.public",
            True,
            'a network with egress = "private" has no public subnet for the load balancer; '
            'set network.egress = "nat", or public = false',
        )


def check_certificate(certificate: str, region: str, account: str | None) -> None:
    """A load balancer takes only certificates of its own region and account."""
    _, _, _, its_region, its_account, _ = certificate.split(":", 5)
    for what, its, wanted in (("region", its_region, region), ("account", its_account, account)):
        if wanted and its != wanted:
            raise wrong(
                "gateway.certificate",
                certificate,
                f"a load balancer takes only certificates of its own {what}; request or import "
                f"one in {wanted}",
            )


def check_pool_names(names: Iterable[str]) -> None:
    """The name is the label of a pool's nodes, and one is taken: stacks/shared/kubernetes.py."""
    for name in names:
        if name == _SYSTEM_POOL:
            raise wrong(
                "pools.name",
                name,
                "the nodes that the cluster itself runs on are called so, and jobs of the pool "
                "would start there; choose another name",
            )


def check_names(kind: str, names: list[str]) -> None:
    """A name becomes a stack's, so there is one of each."""
    for name in names:
        if names.count(name) > 1:
            raise wrong(f"{kind}.name", name, "it is given twice; give each its own name")
