"""A security group with its rules, wherever in the templates they stand."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, ip_network
from typing import Any, TypeGuard

from operations.checker.resolving import Resource, Templates
from operations.checker.values import Reference, Unknown, identity, integer, listing, mapping

GROUP = "AWS::EC2::SecurityGroup"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
_UNIQUE_LOCAL = ip_network("fc00::/7")  # the private addresses of IPv6, wide as they are
_CLUSTER = "ClusterSecurityGroup"  # part of the attribute's name, and of the CDK's outputs of it


@dataclass(frozen=True)
class Permission:
    """One rule of a security group, and the resource it stands in."""

    resource: Resource
    given: Mapping[str, Any]

    @property
    def everything(self) -> bool:
        return str(self.given.get("IpProtocol")) == "-1"

    @property
    def from_world(self) -> str | None:
        """The range that means everywhere, or a good part of it, if the rule names one."""
        ranges = (self.given.get("CidrIp"), self.given.get("CidrIpv6"))
        return next((value for value in ranges if _world(value)), None)

    @property
    def peer(self) -> Hashable:
        """The security group at the other end; None: an address range, or not given."""
        for key in (
            "SourceSecurityGroupId",
            "DestinationSecurityGroupId",
            "SourceSecurityGroupName",
        ):
            if key in self.given:
                return identity(self.given[key])
        return None

    @property
    def ports(self) -> str:
        first, last = self.given.get("FromPort"), self.given.get("ToPort")
        if self.everything:
            return "all traffic"
        return f"{self.given.get('IpProtocol')} {first}" + (f"-{last}" if last != first else "")

    def covers(self, port: int) -> bool:
        """Whether it lets TCP to a port through."""
        if self.everything:
            return True
        if str(self.given.get("IpProtocol")).lower() not in ("tcp", "6"):
            return False
        first, last = (integer(self.given.get(key, -1)) for key in ("FromPort", "ToPort"))
        if first is None or last is None:
            return False
        return first == -1 or first <= port <= last


@dataclass(frozen=True)
class SecurityGroup:
    """A group that the templates make, with every rule they give it."""

    resource: Resource
    ingress: Sequence[Permission]
    egress: Sequence[Permission]

    @property
    def from_itself(self) -> bool:
        return any(rule.everything and rule.peer == self._identity for rule in self.ingress)

    @property
    def to_itself(self) -> bool:
        return any(rule.everything and rule.peer == self._identity for rule in self.egress)

    @property
    def _identity(self) -> Hashable:
        return (self.resource.template, self.resource.logical_id)


class SecurityGroups:
    """The security groups of the templates, by what refers to them."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def __iter__(self) -> Iterator[SecurityGroup]:
        return iter(self._groups.values())

    def get(self, value: object) -> SecurityGroup | None:
        """The group that a value refers to; None: it is made elsewhere."""
        return self._groups.get(identity(value))

    def is_clusters(self, value: object) -> bool:
        """Whether a value is the group that EKS makes for a cluster."""
        if isinstance(value, Reference):
            return _CLUSTER in value.attribute
        return isinstance(value, Unknown) and _CLUSTER.lower() in value.expression.lower()

    @property
    def inward(self) -> Iterator[Permission]:
        """Every rule inwards, also those of groups that are made elsewhere."""
        for group in self:
            yield from group.ingress
        for key, permissions in self._separate(INGRESS).items():
            if key not in self._groups:
                yield from permissions

    @cached_property
    def _groups(self) -> dict[Hashable, SecurityGroup]:
        ingress, egress = self._separate(INGRESS), self._separate(EGRESS)
        groups: dict[Hashable, SecurityGroup] = {}
        for resource in self._templates.every(GROUP):
            key = (resource.template, resource.logical_id)
            groups[key] = SecurityGroup(
                resource,
                [*_inline(resource, "SecurityGroupIngress"), *ingress.get(key, ())],
                [*_inline(resource, "SecurityGroupEgress"), *egress.get(key, ())],
            )
        return groups

    def _separate(self, kind: str) -> dict[Hashable, list[Permission]]:
        found: dict[Hashable, list[Permission]] = {}
        for resource in self._templates.every(kind):
            key = identity(resource.properties.get("GroupId"))
            found.setdefault(key, []).append(Permission(resource, resource.properties))
        return found


def _inline(resource: Resource, key: str) -> Iterator[Permission]:
    for entry in listing(resource.properties.get(key)):
        yield Permission(resource, mapping(entry))


def _world(value: object) -> TypeGuard[str]:
    """Whether a range is wider than any that one owner has: two halves of everything, too."""
    try:
        network = ip_network(value) if isinstance(value, str) else None
    except ValueError:
        return False
    if network is None or network == _UNIQUE_LOCAL:
        return False
    return network.prefixlen < (8 if isinstance(network, IPv4Network) else 16)
