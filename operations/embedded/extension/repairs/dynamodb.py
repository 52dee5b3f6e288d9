"""DynamoDB tables: encryption with a key, expiry of items, point-in-time recovery, protection."""

from typing import Any

from operations.embedded.extension.handler import Call, Properties


def table(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set what changed of a table's settings."""
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if "SSESpecification" in changed:
        call("dynamodb", "UpdateTable", {"TableName": id, **_encryption(new)})
    if "DeletionProtectionEnabled" in changed:
        protected = new.get("DeletionProtectionEnabled", False)
        call("dynamodb", "UpdateTable", {"TableName": id, "DeletionProtectionEnabled": protected})
    if "PointInTimeRecoverySpecification" in changed:
        recovery = new.get("PointInTimeRecoverySpecification", {})
        setting = {"PointInTimeRecoveryEnabled": False} | recovery
        call(
            "dynamodb",
            "UpdateContinuousBackups",
            {"TableName": id, "PointInTimeRecoverySpecification": setting},
        )
    if "TimeToLiveSpecification" in changed:
        expiry = new.get("TimeToLiveSpecification")
        setting = expiry or {**old["TimeToLiveSpecification"], "Enabled": False}
        call("dynamodb", "UpdateTimeToLive", {"TableName": id, "TimeToLiveSpecification": setting})
    return {}


def global_table(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set what changed for the replica in this region, which is the one table there is."""
    before, after = local(old, call.place.region), local(new, call.place.region)
    if before.get("Tags") != after.get("Tags"):
        _retag(call, id, before.get("Tags", []), after.get("Tags", []))
    return table(call, id, before, after)


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


def _encryption(properties: Properties) -> dict[str, Any]:
    """SSESpecification in the API's spelling; a template says SSEEnabled."""
    wanted = dict(properties.get("SSESpecification", {}))
    enabled = wanted.pop("SSEEnabled", wanted.pop("Enabled", bool(wanted)))
    return {"SSESpecification": {"Enabled": enabled, **wanted}}


def _retag(call: Call, id: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    arn = call("dynamodb", "DescribeTable", {"TableName": id})["Table"]["TableArn"]
    kept = {tag["Key"] for tag in new}
    if gone := [tag["Key"] for tag in old if tag["Key"] not in kept]:
        call("dynamodb", "UntagResource", {"ResourceArn": arn, "TagKeys": gone})
    if new:
        call("dynamodb", "TagResource", {"ResourceArn": arn, "Tags": new})


REPAIRS = {"AWS::DynamoDB::GlobalTable": global_table, "AWS::DynamoDB::Table": table}
