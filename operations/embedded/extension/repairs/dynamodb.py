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


def _encryption(properties: Properties) -> dict[str, Any]:
    """SSESpecification in the API's spelling; a template says SSEEnabled."""
    wanted = dict(properties.get("SSESpecification", {}))
    enabled = wanted.pop("SSEEnabled", wanted.pop("Enabled", bool(wanted)))
    return {"SSESpecification": {"Enabled": enabled, **wanted}}


REPAIRS = {"AWS::DynamoDB::Table": table}
