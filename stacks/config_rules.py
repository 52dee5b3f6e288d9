"""The rules that join several values of an environment file.

Each raises an error whose sentence says what would be right.
"""

from stacks.config_errors import wrong
from stacks.config_types import refused
from workloads.hardware import REGIONS, Instance
from workloads.versions import VERSIONS


def check_network_zones(region: str, zones: tuple[str, ...]) -> None:
    for zone in zones:
        if zone not in REGIONS[region]:
            raise wrong(
                "network.zones",
                zones,
                f"{zone} is not a zone of {region}, which has {', '.join(REGIONS[region])}",
            )


def check_offered(
    key: str, instance: Instance, zone: str, region: str, network_zones: tuple[str, ...]
) -> None:
    """Whether the type is rented in the zone; `key` is the pool's."""
    offered = instance.zones.get(region, ())
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
        raise wrong(
            f"{key}.instance_type",
            instance.name,
            f"no supported Neuron SDK runs on {instance.family}; {', '.join(others)} have one",
        )
    if VERSIONS.neuron_ami(kubernetes_version, instance.family) is None:
        fitting = [v for v in VERSIONS.kubernetes if VERSIONS.neuron_ami(v, instance.family)]
        raise wrong(
            "cluster.kubernetes_version",
            kubernetes_version,
            f"no node image known for it runs the Neuron SDK of {instance.name} "
            f"({VERSIONS.neuron[instance.family].sdk}); choose {' or '.join(fitting)}",
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
    if its_region != region:
        raise wrong("gateway.certificate", certificate, f"it must be one of the region {region}")
    if account and its_account != account:
        raise wrong("gateway.certificate", certificate, f"it must be one of the account {account}")


def check_names(kind: str, names: list[str]) -> None:
    """A name becomes a stack's, so there is one of each."""
    for name in names:
        if names.count(name) > 1:
            raise wrong(f"{kind}.name", name, "it is given twice; give each its own name")
