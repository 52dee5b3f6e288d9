"""The network: VPC, subnets, routes, gateways, security groups, launch templates, firewalls."""

from collections.abc import Mapping
from typing import Any

from operations.embedded.extension.handler import Place
from operations.embedded.extension.types import ec2
from operations.embedded.verify.verifier import Described, Read, Resource, Verifier


def _vpc_attribute(name: str) -> Read:
    attribute = name[0].lower() + name[1:]
    at = {"VpcId": "{id}", "Attribute": attribute}
    return Read("ec2", "DescribeVpcAttribute", at, f"{name}.Value")


_ROUTE_TABLE = {"RouteTableIds": ["{RouteTableId}"]}


def _rules(permissions: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """An API's permissions as a template's rules: one for each peer."""
    rules = []
    for permission in permissions:
        ports = {n: permission[n] for n in ("IpProtocol", "FromPort", "ToPort") if n in permission}
        for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            for peer in permission.get(kind, []):
                group = peer.get("GroupId")
                groups = {
                    "SourceSecurityGroupId": group,
                    "DestinationSecurityGroupId": group,
                }
                rules.append({**ports, **peer, **(groups if group else {})})
    return rules


def _security_group(place: Place, resource: Resource) -> Any:
    group = Read("ec2", "DescribeSecurityGroups", {"GroupIds": ["{id}"]}, "SecurityGroups[0]")(
        place, resource
    )
    return group and {
        **group,
        "GroupDescription": group["Description"],
        "SecurityGroupIngress": _rules(group["IpPermissions"]),
        "SecurityGroupEgress": _rules(group["IpPermissionsEgress"]),
    }


def _rule(direction: str) -> Any:
    """Find the one rule of a group that a template writes as a resource of its own."""

    def find(place: Place, resource: Resource) -> Any:
        read = Read(
            "ec2",
            "DescribeSecurityGroups",
            {"GroupIds": ["{GroupId}"]},
            f"SecurityGroups[0].{direction}",
        )
        peer = next(
            (
                value
                for name, value in resource.properties.items()
                if name.startswith(("Source", "Destination", "Cidr"))
            ),
            None,
        )
        protocol = resource.properties["IpProtocol"]
        for rule in _rules(read(place, resource) or []):
            if peer in rule.values() and rule["IpProtocol"] == protocol:
                return {**rule, "GroupId": resource.properties["GroupId"]}
        return None

    return find


def _web_acl(place: Place, resource: Resource) -> Any:
    """By its id, which is "name|id|scope"."""
    name, id, scope = resource.id.split("|")
    at = {"Name": name, "Id": id, "Scope": scope}
    found = Read("wafv2", "GetWebACL", at, "WebACL")(place, resource)
    return found and {"Scope": scope, **found}


def _web_acl_tags(place: Place, resource: Resource) -> Any:
    acl = _web_acl(place, resource)
    at = {"ResourceARN": acl["ARN"]}
    return Read("wafv2", "ListTagsForResource", at, "TagInfoForResource.TagList")(place, resource)


VERIFIERS = {
    "AWS::EC2::VPC": Verifier(
        find=Read("ec2", "DescribeVpcs", {"VpcIds": ["{id}"]}, "Vpcs[0]"),
        parts={n: _vpc_attribute(n) for n in ("EnableDnsSupport", "EnableDnsHostnames")},
        remark="no packet moves",
    ),
    "AWS::EC2::Subnet": Verifier(
        find=Read("ec2", "DescribeSubnets", {"SubnetIds": ["{id}"]}, "Subnets[0]")
    ),
    "AWS::EC2::RouteTable": Verifier(
        find=Read("ec2", "DescribeRouteTables", {"RouteTableIds": ["{id}"]}, "RouteTables[0]")
    ),
    "AWS::EC2::Route": Verifier(
        find=Read(
            "ec2",
            "DescribeRouteTables",
            _ROUTE_TABLE,
            "RouteTables[0].Routes[?DestinationCidrBlock == '{DestinationCidrBlock}'] | [0]",
        ),
        parts={
            "RouteTableId": Read(
                "ec2", "DescribeRouteTables", _ROUTE_TABLE, "RouteTables[0].RouteTableId"
            )
        },
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Verifier(
        find=Read(
            "ec2",
            "DescribeRouteTables",
            _ROUTE_TABLE,
            "RouteTables[0].Associations[?RouteTableAssociationId == '{id}'] | [0]",
        )
    ),
    "AWS::EC2::InternetGateway": Verifier(
        find=Read(
            "ec2",
            "DescribeInternetGateways",
            {"InternetGatewayIds": ["{id}"]},
            "InternetGateways[0]",
        )
    ),
    "AWS::EC2::VPCGatewayAttachment": Verifier(
        find=Read(
            "ec2",
            "DescribeInternetGateways",
            {"InternetGatewayIds": ["{InternetGatewayId}"]},
            "InternetGateways[0]",
        ),
        rename={"VpcId": "Attachments[0].VpcId"},
    ),
    "AWS::EC2::VPCEndpoint": Verifier(
        find=Read("ec2", "DescribeVpcEndpoints", {"VpcEndpointIds": ["{id}"]}, "VpcEndpoints[0]"),
        rename={"SecurityGroupIds": "Groups[].GroupId"},
    ),
    "AWS::EC2::SecurityGroup": Verifier(find=_security_group),
    "AWS::EC2::SecurityGroupIngress": Verifier(find=_rule("IpPermissions")),
    "AWS::EC2::SecurityGroupEgress": Verifier(find=_rule("IpPermissionsEgress")),
    "AWS::EC2::EIP": Verifier(find=Described(ec2.ELASTIC_IP)),
    "AWS::EC2::NatGateway": Verifier(
        find=Described(ec2.NAT_GATEWAY),
        rename={"AllocationId": "NatGatewayAddresses[0].AllocationId"},
    ),
    "AWS::EC2::FlowLog": Verifier(
        find=Described(ec2.FLOW_LOG),
        unseen=("ResourceType",),  # the resource's id says it
    ),
    "AWS::EC2::PlacementGroup": Verifier(find=Described(ec2.PLACEMENT_GROUP)),
    "AWS::WAFv2::WebACLAssociation": Verifier(
        find=Read(
            "wafv2",
            "GetWebACLForResource",
            {"ResourceArn": "{ResourceArn}"},
            "WebACL && {WebACLArn: WebACL.ARN} || `null`",
        ),
        unseen=("ResourceArn",),  # the list is asked for by it
    ),
    "AWS::WAFv2::WebACL": Verifier(
        find=_web_acl, parts={"Tags": _web_acl_tags}, remark="no request is held to it"
    ),
    "AWS::WAFv2::LoggingConfiguration": Verifier(
        find=Read(
            "wafv2", "GetLoggingConfiguration", {"ResourceArn": "{id}"}, "LoggingConfiguration"
        ),
        remark="a record of our own: nothing is logged",
    ),
    "AWS::EC2::LaunchTemplate": Verifier(
        find=Read(
            "ec2",
            "DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": "{id}", "Versions": ["$Latest"]},
            "LaunchTemplateVersions[0]",
        ),
        parts={
            "TagSpecifications": Read(
                "ec2",
                "DescribeLaunchTemplates",
                {"LaunchTemplateIds": ["{id}"]},
                "LaunchTemplates[].{ResourceType: 'launch-template', Tags: Tags}",
            )
        },
    ),
}
