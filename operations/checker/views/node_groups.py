"""A group of nodes as the rules see it: the group, its launch template and its subnets."""

import base64
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from operations.checker.resolving import Resource, Templates
from operations.checker.values import (
    Unknown,
    boolean,
    identity,
    integer,
    listing,
    mapping,
    partly,
    string,
)
from operations.checker.views.user_data import UserData
from workloads.hardware import INSTANCES, Instance

MANAGED = "AWS::EKS::Nodegroup"
SELF_MANAGED = "AWS::AutoScaling::AutoScalingGroup"
PCS = "AWS::PCS::ComputeNodeGroup"
LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
LAUNCH_CONFIGURATION = "AWS::AutoScaling::LaunchConfiguration"


@dataclass(frozen=True, kw_only=True)
class Interface:
    """One entry of a launch template's NetworkInterfaces. None: not given, or not known."""

    position: int
    card: int | None  # 0 where it is not given
    device: int | None  # 0 where it is not given
    kind: str | None  # "interface" where it is not given, "efa", "efa-only"
    groups: Sequence[Any] | None  # None: not known; empty: none given
    public: bool | None
    deleted: bool | None
    given: Mapping[str, Any]

    @property
    def efa(self) -> bool:
        return self.kind in ("efa", "efa-only")

    def path(self, key: str) -> str:
        return f"NetworkInterfaces[{self.position}].{key}"


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """Nodes that start from one launch template.

    `resource` is the group; where no group of the templates uses a launch template, it is the
    template itself. `boot` is what instances start from: the launch template, or the group where
    it has none. `data` are the launch template's data, empty if there is none or it is elsewhere.
    """

    resource: Resource
    boot: Resource
    data: Mapping[str, Any]
    interfaces: Sequence[Interface]
    types: Sequence[str]  # the known ones; all that the group may start
    subnets: Sequence[Any] | None  # None: not known, or the group has none to say
    template_known: bool  # whether `data` are all that instances start with

    @property
    def managed(self) -> bool:
        return self.resource.kind == MANAGED

    @property
    def grouped(self) -> bool:
        return self.resource.kind != LAUNCH_TEMPLATE

    @property
    def hardware(self) -> list[Instance]:
        """The types of the hardware table among the group's."""
        return [INSTANCES[name] for name in self.types if name in INSTANCES]

    @property
    def efa(self) -> bool:
        return any(interface.efa for interface in self.interfaces)

    @property
    def own_image(self) -> bool:
        """Whether the nodes start from an image the template names, or one that is not known."""
        return "ImageId" in self.data or not self.template_known

    @property
    def interfaces_known(self) -> bool:
        """Whether `interfaces` are all that there are, and of known kinds."""
        entries = listing(self.data.get("NetworkInterfaces"))
        return all(isinstance(entry, dict) for entry in entries) and all(
            interface.kind is not None for interface in self.interfaces
        )

    @cached_property
    def user_data(self) -> UserData | None:
        """The user data, zeros for what is not known; None: there is none."""
        given = self.data.get("UserData")
        text = partly(given) if isinstance(given, str | Unknown) else ""
        with suppress(ValueError):
            text = base64.b64decode(text, validate=True).decode(errors="replace")
        return UserData(text) if text else None

    @property
    def ami_type(self) -> str | None:
        """A managed group's AmiType where EKS chooses the image; "" where it is not given.

        None: not known, or the image is another's to choose.
        """
        if not self.managed or self.own_image:
            return None
        return string(self.resource.properties.get("AmiType", ""))

    @property
    def cluster(self) -> Hashable:
        """What the cluster is referred to as; None where a group does not say."""
        return identity(self.resource.properties.get("ClusterName"))

    @property
    def market(self) -> str | None:
        """How the launch template buys: "spot", "capacity-block", or "" where it does not say.

        None: not known.
        """
        options = self.data.get("InstanceMarketOptions")
        if options is None:
            return "" if self.template_known else None
        return string(mapping(options).get("MarketType"))

    @property
    def reservation(self) -> Any:
        """The reservation it targets, or a group of them; None: none is targeted."""
        value = self.data.get("CapacityReservationSpecification")
        for keys in (
            ("CapacityReservationTarget",),
            ("CapacityReservationId", "CapacityReservationResourceGroupArn"),
        ):
            if isinstance(value, dict):  # else it is not given, or not known
                value = next((value[key] for key in keys if key in value), None)
        return value

    @property
    def desired(self) -> int | None:
        scaling = mapping(self.resource.properties.get("ScalingConfig"))
        return integer(scaling.get("DesiredSize", self.resource.properties.get("DesiredCapacity")))

    @property
    def least(self) -> int | None:
        scaling = mapping(self.resource.properties.get("ScalingConfig"))
        return integer(scaling.get("MinSize", self.resource.properties.get("MinSize")))

    @property
    def capacity_type(self) -> str | None:
        """A managed group's CapacityType; None: not known, or not a managed group."""
        if not self.managed:
            return None
        return string(self.resource.properties.get("CapacityType", "ON_DEMAND"))


def node_groups(templates: Templates) -> Iterator[NodeGroup]:
    """Every group of nodes, and every launch template that none of them uses."""
    used = set()
    for resource in templates.every(MANAGED, SELF_MANAGED, PCS):
        specification = _specification(resource.properties)
        boot = _launch_template(templates, specification)
        used.add(boot)
        # A launch template that is not found may say anything.
        yield _node_group(resource, boot, template_known=boot is not None or not specification)
    for resource in templates.every(LAUNCH_TEMPLATE):
        if resource not in used:
            yield _node_group(resource, resource, template_known=True)


def _node_group(resource: Resource, boot: Resource | None, *, template_known: bool) -> NodeGroup:
    data: Mapping[str, Any] = {}
    if boot is not None and boot.kind == LAUNCH_CONFIGURATION:
        data = boot.properties
    elif boot is not None:
        own = boot.properties.get("LaunchTemplateData")
        data, template_known = mapping(own), template_known and isinstance(own, dict)
    return NodeGroup(
        resource=resource,
        boot=boot or resource,
        data=data,
        interfaces=tuple(_interfaces(data)),
        types=tuple(_types(resource, data)),
        subnets=_subnets(resource),
        template_known=template_known,
    )


def _specification(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a group says of its launch template, whichever of the ways it says it in."""
    mixed = mapping(mapping(properties.get("MixedInstancesPolicy")).get("LaunchTemplate"))
    for specification in (
        properties.get("LaunchTemplate"),
        properties.get("CustomLaunchTemplate"),
        mixed.get("LaunchTemplateSpecification"),
    ):
        if specification is not None:
            return mapping(specification) or {"Id": specification}
    configuration = properties.get("LaunchConfigurationName")
    return {} if configuration is None else {"Id": configuration}


def _launch_template(templates: Templates, specification: Mapping[str, Any]) -> Resource | None:
    """The launch template's resource, found by reference or by the name it is given."""
    named = [
        specification.get(key)
        for key in ("Id", "LaunchTemplateId", "TemplateId", "Name", "LaunchTemplateName")
    ]
    for value in named:
        found = templates.get(value)
        if found is not None and found.kind in (LAUNCH_TEMPLATE, LAUNCH_CONFIGURATION):
            return found
        if isinstance(value, str):
            for resource in templates.every(LAUNCH_TEMPLATE):
                if resource.properties.get("LaunchTemplateName") == value:
                    return resource
    return None


def _types(resource: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    policy = mapping(mapping(resource.properties.get("MixedInstancesPolicy")).get("LaunchTemplate"))
    overrides = [mapping(entry).get("InstanceType") for entry in listing(policy.get("Overrides"))]
    configs = [
        mapping(entry).get("InstanceType")
        for entry in listing(resource.properties.get("InstanceConfigs"))
    ]
    given = [*listing(resource.properties.get("InstanceTypes")), *overrides, *configs]
    # What a group says of types takes the place of the launch template's.
    for value in [item for item in given if item is not None] or [data.get("InstanceType")]:
        if isinstance(value, str):
            yield value


def _subnets(resource: Resource) -> Sequence[Any] | None:
    """The group's subnets, each once."""
    for key in ("Subnets", "VPCZoneIdentifier", "SubnetIds"):
        given = resource.properties.get(key)
        if isinstance(given, list):
            return list({identity(subnet): subnet for subnet in given}.values())
    return None


def _interfaces(data: Mapping[str, Any]) -> Iterator[Interface]:
    for position, entry in enumerate(listing(data.get("NetworkInterfaces"))):
        if not isinstance(entry, dict):
            continue
        groups = entry.get("Groups")
        yield Interface(
            position=position,
            card=integer(entry.get("NetworkCardIndex", 0)),
            device=integer(entry.get("DeviceIndex", 0)),
            kind=string(entry.get("InterfaceType", "interface")),
            groups=None if isinstance(groups, Unknown) else listing(groups),
            public=boolean(entry.get("AssociatePublicIpAddress")),
            deleted=boolean(entry.get("DeleteOnTermination")),
            given=entry,
        )
