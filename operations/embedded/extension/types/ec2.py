"""EC2: addresses, NAT gateways, flow logs, placement groups, single rules of security groups."""

from dataclasses import dataclass
from typing import Any

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Call, Created, Handler, Properties

ELASTIC_IP = ApiType(
    type="AWS::EC2::EIP",
    service="ec2",
    create_only=("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address"),
    create_call="AllocateAddress",
    read_call="DescribeAddresses",
    delete_call="ReleaseAddress",
    record="Addresses[?PublicIp == '{id}'] | [0]",
    id="{PublicIp}",
    at={},
    change_at={"AllocationId": "{AllocationId}"},
    attributes={"AllocationId": "AllocationId", "PublicIp": "PublicIp"},
    tag_target="{AllocationId}",
    tag_resource_type="elastic-ip",
)

NAT_GATEWAY = ApiType(
    type="AWS::EC2::NatGateway",
    service="ec2",
    create_only=(
        "AllocationId",
        "AvailabilityMode",
        "ConnectivityType",
        "PrivateIpAddress",
        "SubnetId",
        "VpcId",
    ),
    create_call="CreateNatGateway",
    read_call="DescribeNatGateways",
    delete_call="DeleteNatGateway",
    record="NatGateways[0]",
    created="NatGateway",
    id="{NatGatewayId}",
    at={"NatGatewayIds": "{id}"},
    change_at={"NatGatewayId": "{id}"},
    attributes={"NatGatewayId": "NatGatewayId"},
    tag_resource_type="natgateway",
)

FLOW_LOG = ApiType(
    type="AWS::EC2::FlowLog",
    service="ec2",
    create_only=(
        "DeliverCrossAccountRole",
        "DeliverLogsPermissionArn",
        "DestinationOptions",
        "LogDestination",
        "LogDestinationType",
        "LogFormat",
        "LogGroupName",
        "MaxAggregationInterval",
        "ResourceId",
        "ResourceType",
        "TagFieldSpecifications",
        "TrafficType",
    ),
    create_call="CreateFlowLogs",
    read_call="DescribeFlowLogs",
    delete_call="DeleteFlowLogs",
    record="FlowLogs[0]",
    created="{FlowLogId: FlowLogIds[0]}",
    id="{FlowLogId}",
    at={"FlowLogIds": "{id}"},
    attributes={"Id": "FlowLogId"},
    rename={"ResourceId": "ResourceIds"},
    tags_afterwards=True,
)

PLACEMENT_GROUP = ApiType(
    type="AWS::EC2::PlacementGroup",
    service="ec2",
    create_only=("ParentGroupId", "PartitionCount", "SpreadLevel", "Strategy", "Tags"),
    create_call="CreatePlacementGroup",
    read_call="DescribePlacementGroups",
    delete_call="DeletePlacementGroup",
    record="PlacementGroups[0]",
    id="{GroupName}",
    at={"GroupNames": "{id}"},
    change_at={"GroupName": "{id}"},
    attributes={"GroupName": "GroupName", "GroupId": "GroupId"},
    tag_target="{GroupId}",
    named_by="GroupName",
    longest_name=255,
    tag_resource_type="placement-group",
)

_RULE = ("CidrIp", "CidrIpv6", "FromPort", "GroupId", "IpProtocol", "ToPort")


@dataclass(frozen=True)
class SecurityGroupRule:
    """A rule that stands outside its group, as the CDK writes the ones between two groups."""

    type: str
    create_only: tuple[str, ...]
    authorize: str
    revoke: str

    def create(self, call: Call, properties: Properties) -> Created:
        answer = call("ec2", self.authorize, self._permission(properties))
        for rule in answer.get("SecurityGroupRules", []):
            return Created(rule["SecurityGroupRuleId"], {"Id": rule["SecurityGroupRuleId"]})
        raise ValueError(f"{self.authorize} added no rule to {properties['GroupId']}")

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        self.delete(call, id, old)
        call("ec2", self.authorize, self._permission(new))
        return Created(id, {"Id": id})

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        call.quietly("ec2", self.revoke, self._permission(properties))

    def _permission(self, properties: Properties) -> dict[str, Any]:
        description = _picked(properties, "Description")
        ports = _picked(properties, "IpProtocol", "FromPort", "ToPort")
        peers: dict[str, Any] = {}
        for name in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
            if name in properties:
                peers["UserIdGroupPairs"] = [{"GroupId": properties[name], **description}]
        for name in ("SourcePrefixListId", "DestinationPrefixListId"):
            if name in properties:
                peers["PrefixListIds"] = [{"PrefixListId": properties[name], **description}]
        if "CidrIp" in properties:
            peers["IpRanges"] = [{"CidrIp": properties["CidrIp"], **description}]
        if "CidrIpv6" in properties:
            peers["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **description}]
        return {"GroupId": properties["GroupId"], "IpPermissions": [ports | peers]}


def _picked(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}


INGRESS = SecurityGroupRule(
    type="AWS::EC2::SecurityGroupIngress",
    create_only=(
        *_RULE,
        "GroupName",
        "SourcePrefixListId",
        "SourceSecurityGroupId",
        "SourceSecurityGroupName",
        "SourceSecurityGroupOwnerId",
    ),
    authorize="AuthorizeSecurityGroupIngress",
    revoke="RevokeSecurityGroupIngress",
)
EGRESS = SecurityGroupRule(
    type="AWS::EC2::SecurityGroupEgress",
    create_only=(*_RULE, "DestinationPrefixListId", "DestinationSecurityGroupId"),
    authorize="AuthorizeSecurityGroupEgress",
    revoke="RevokeSecurityGroupEgress",
)

HANDLERS: tuple[Handler, ...] = (
    ELASTIC_IP,
    NAT_GATEWAY,
    FLOW_LOG,
    PLACEMENT_GROUP,
    INGRESS,
    EGRESS,
)
