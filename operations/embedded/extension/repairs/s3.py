"""S3 buckets: encryption, life cycle, ownership, access logs, tags, suspended versioning."""

from collections.abc import Callable
from typing import Any

from operations.embedded.extension.handler import Call, Properties


def encryption(value: dict[str, Any]) -> dict[str, Any]:
    """BucketEncryption as the API's rules."""
    rules = [_encryption_rule(rule) for rule in value["ServerSideEncryptionConfiguration"]]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _encryption_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """One rule, with S3's own key where the template names none, which ministack insists on."""
    default = dict(rule["ServerSideEncryptionByDefault"])
    if default["SSEAlgorithm"] == "aws:kms":
        default.setdefault("KMSMasterKeyID", "alias/aws/s3")
    return {
        "ApplyServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
    }


def lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    """LifecycleConfiguration as the API's rules."""
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(r) for r in value["Rules"]]}}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    expiration = {
        member: rule[name]
        for name, member in {
            "ExpirationInDays": "Days",
            "ExpirationDate": "Date",
            "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
        }.items()
        if name in rule
    }
    moves = rule.get("Transitions") or [rule[n] for n in ("Transition",) if n in rule]
    same = (
        "Id",
        "Status",
        "AbortIncompleteMultipartUpload",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionTransitions",
    )
    return {
        **{name: rule[name] for name in same if name in rule},
        "Filter": {"Prefix": rule.get("Prefix", "")},
        **({"Expiration": expiration} if expiration else {}),
        **({"Transitions": [_transition(move) for move in moves]} if moves else {}),
    }


def _transition(move: dict[str, Any]) -> dict[str, Any]:
    names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
    return {names.get(name, name): value for name, value in move.items()}


def ownership(value: dict[str, Any]) -> dict[str, Any]:
    return {"OwnershipControls": value}


def logging(value: dict[str, Any]) -> dict[str, Any]:
    """LoggingConfiguration as the API's target."""
    target = {
        "TargetBucket": value.get("DestinationBucketName"),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    return {"BucketLoggingStatus": {"LoggingEnabled": target}}


def tagging(value: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Tagging": {"TagSet": value}}


def versioning(value: dict[str, Any]) -> dict[str, Any]:
    return {"VersioningConfiguration": value}


# Property: how the API takes it, the call that sets it, and the one that takes it away.
Setting = tuple[Callable[[Any], dict[str, Any]], str, str | None]
SETTINGS: dict[str, Setting] = {
    "BucketEncryption": (encryption, "PutBucketEncryption", "DeleteBucketEncryption"),
    "LifecycleConfiguration": (
        lifecycle,
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    "LoggingConfiguration": (logging, "PutBucketLogging", None),
    "OwnershipControls": (
        ownership,
        "PutBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
    ),
    "Tags": (tagging, "PutBucketTagging", "DeleteBucketTagging"),
    "VersioningConfiguration": (versioning, "PutBucketVersioning", None),
}


def bucket(call: Call, id: str, old: Properties, new: Properties) -> dict[str, Any]:
    """Set what changed of the bucket's settings."""
    for name, (fit, put, delete) in SETTINGS.items():
        if old.get(name) == new.get(name):
            continue
        if name in new:
            call("s3", put, {"Bucket": id, **fit(new[name])})
        elif delete:
            call("s3", delete, {"Bucket": id})
        elif name == "LoggingConfiguration":
            call("s3", put, {"Bucket": id, "BucketLoggingStatus": {}})
        else:
            call("s3", put, {"Bucket": id, **fit({"Status": "Suspended"})})
    return {}


REPAIRS = {"AWS::S3::Bucket": bucket}
