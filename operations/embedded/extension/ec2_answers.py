"""EC2's answers where the emulator keeps more than it says: written from botocore's model.

Launch templates lack their EFA interfaces, cards and placement, interface endpoints their
security groups, NAT gateways their addresses.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, Shape, StructureShape

from operations.embedded.extension.shapes import fit, operation_model

Record = Mapping[str, Any]


def launch_template_data(data: Record) -> str:
    """The members of a launch template's data as XML."""
    shape = _answer("DescribeLaunchTemplateVersions", "LaunchTemplateVersions")
    options = data.get("MetadataOptions")
    applied = {"MetadataOptions": {"State": "applied", **options}} if options else {}
    return _members(shape.members["LaunchTemplateData"], {**data, **applied})


def vpc_endpoint(endpoint: Record, tags: list[dict[str, str]]) -> str:
    """The members of an endpoint as XML."""
    groups = [{"GroupId": id} for id in endpoint.get("SecurityGroupIds", [])]
    record = {**endpoint, "Groups": groups, "Tags": tags}
    return _members(_answer("DescribeVpcEndpoints", "VpcEndpoints"), record)


def with_nat_addresses(answer: str, gateways: Mapping[str, Record]) -> str:
    """An answer about NAT gateways with the address of each."""
    shape = _answer("DescribeNatGateways", "NatGateways").members["NatGatewayAddresses"]
    for id, gateway in gateways.items():
        addresses = [{"AllocationId": gateway["AllocationId"], "IsPrimary": True}]
        answer = re.sub(
            rf"(<natGatewayId>{re.escape(id)}</natGatewayId>.*?)<natGatewayAddressSet/>",
            rf"\g<1><natGatewayAddressSet>{_xml(shape, addresses)}</natGatewayAddressSet>",
            answer,
            count=1,
            flags=re.DOTALL,
        )
    return answer


def _answer(operation: str, member: str) -> StructureShape:
    """The shape of one resource in the answer of a describe call."""
    output = operation_model("ec2", operation).output_shape
    assert output is not None
    resources = output.members[member]
    assert isinstance(resources, ListShape)
    resource = resources.member
    assert isinstance(resource, StructureShape)
    return resource


def _members(shape: Shape, record: Record) -> str:
    """A record as XML; members that the answer has no place for are left out."""
    fitted, _ = fit(shape, record)
    return _xml(shape, fitted)


def _xml(shape: Shape, value: Any) -> str:
    match shape:
        case StructureShape():
            return "".join(
                f"<{tag}>{_xml(member, value[name])}</{tag}>"
                for name, member in shape.members.items()
                if name in value and (tag := member.serialization.get("name", name))
            )
        case ListShape():
            return "".join(f"<item>{_xml(shape.member, item)}</item>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
