"""Lambda functions: the network that they run in."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties

_NETWORK = "VpcConfig"


def function(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set what ministack's handler leaves out."""
    if old.get(_NETWORK) != new.get(_NETWORK):
        none: dict[str, list[str]] = {"SubnetIds": [], "SecurityGroupIds": []}
        where = {"FunctionName": id, _NETWORK: new.get(_NETWORK, none)}
        call("lambda", "UpdateFunctionConfiguration", where)
    return {}


REPAIRS = {"AWS::Lambda::Function": function}
