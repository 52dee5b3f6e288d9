"""DynamoDB: global tables, because ministack's own handler makes a new one at every change.

There is one region here, so a global table is the table of its replica there.
"""

from typing import Any

from operations.embedded.extension.handler import Call, Created, Handler, Properties
from operations.embedded.extension.repairs.dynamodb import table

_LATER = ("PointInTimeRecoverySpecification", "TimeToLiveSpecification")  # calls of their own
_CHANGEABLE = {*_LATER, "DeletionProtectionEnabled", "SSESpecification", "Tags"}


class GlobalTable:
    """A table with the settings of its replica in this region."""

    type = "AWS::DynamoDB::GlobalTable"
    create_only = ("TableName",)

    def create(self, call: Call, properties: Properties) -> Created:
        wanted = local(properties, call.place.region)
        name = wanted.setdefault("TableName", call.name(255))
        if encryption := wanted.get("SSESpecification"):
            encryption["Enabled"] = encryption.pop("SSEEnabled")
        at_once = {key: value for key, value in wanted.items() if key not in _LATER}
        call("dynamodb", "CreateTable", at_once)
        table(call, name, {}, {key: wanted[key] for key in _LATER if key in wanted})
        return Created(name, self._attributes(call, name))

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        before, after = (local(properties, call.place.region) for properties in (old, new))
        table(call, id, before, after)
        attributes = self._attributes(call, id)
        if before.get("Tags") != after.get("Tags"):
            _retag(call, attributes["Arn"], before.get("Tags", []), after.get("Tags", []))
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        call.dropped += sorted(changed - _CHANGEABLE)
        return Created(id, attributes)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        call.quietly("dynamodb", "DeleteTable", {"TableName": id})

    def _attributes(self, call: Call, id: str) -> dict[str, Any]:
        described = call("dynamodb", "DescribeTable", {"TableName": id})["Table"]
        names = {"TableArn": "Arn", "TableId": "TableId", "LatestStreamArn": "StreamArn"}
        return {names[key]: value for key, value in described.items() if key in names}


def local(properties: Properties, region: str) -> dict[str, Any]:
    """A global table's properties as those of its table in one region."""
    replicas = {replica["Region"]: replica for replica in properties.get("Replicas", [])}
    replica = replicas.get(region, {})
    merged = {**properties, **replica}
    if "SSESpecification" in properties:
        merged["SSESpecification"] = {
            **properties["SSESpecification"],
            **replica.get("SSESpecification", {}),
        }
    for other in ("Replicas", "Region"):
        merged.pop(other, None)
    return merged


def _retag(call: Call, arn: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    kept = {tag["Key"] for tag in new}
    if gone := [tag["Key"] for tag in old if tag["Key"] not in kept]:
        call("dynamodb", "UntagResource", {"ResourceArn": arn, "TagKeys": gone})
    if new:
        call("dynamodb", "TagResource", {"ResourceArn": arn, "Tags": new})


HANDLERS: tuple[Handler, ...] = (GlobalTable(),)
