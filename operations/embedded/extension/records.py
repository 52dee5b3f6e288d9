"""Properties that the emulated services have no place for, kept in the records they answer from.

Apart from the repairs, because it needs the emulator's own process.
"""

from typing import Any

from operations.embedded.extension import hooks
from operations.embedded.extension.handler import Call, Properties
from operations.embedded.extension.shapes import fit, request_shape


def node_group(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """How capacity is bought, what repairs a node; and no type where the template names none."""
    record = hooks.node_group(new["ClusterName"], id)
    members = request_shape("eks", "CreateNodegroup").members
    defaults = {"CapacityType": "ON_DEMAND", "NodeRepairConfig": {}}
    for name, default in defaults.items():
        member = name[0].lower() + name[1:]
        record[member], _ = fit(members[member], new.get(name, default))
    if "InstanceTypes" not in new:
        record.pop("instanceTypes", None)  # the launch template has it
    return {}


def guardrail_version(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """What a version is described as, which is not what its guardrail is."""
    guardrail, version = id.split("|")
    hooks.guardrail_version(guardrail, version)["Description"] = new.get("Description", "")
    return {}


REPAIRS = {
    "AWS::EKS::Nodegroup": node_group,
    "AWS::Bedrock::GuardrailVersion": guardrail_version,
}
