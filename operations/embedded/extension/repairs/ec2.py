"""EC2: attributes of a VPC that a template may ask for."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties


def vpc(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    return {"CidrBlock": new["CidrBlock"]} if "CidrBlock" in new else {}


REPAIRS = {"AWS::EC2::VPC": vpc}
