"""The gateway's tables: who may call it, and what everybody used."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

_STRING = dynamodb.AttributeType.STRING


def tenants_table(scope: Construct, *, key: kms.IKey, retain: bool) -> dynamodb.TableV2:
    """A row per tenant, found by the SHA-256 of its API key."""
    return _table(scope, "Tenants", keys=("key_sha256", None), key=key, retain=retain)


def ledger_table(scope: Construct, *, key: kms.IKey, retain: bool) -> dynamodb.TableV2:
    """What requests used and cost; `expires` says when an item may go, in seconds since 1970."""
    return _table(scope, "Ledger", keys=("pk", "sk"), key=key, retain=retain, expires="expires")


def _table(
    scope: Construct,
    construct_id: str,
    *,
    keys: tuple[str, str | None],
    key: kms.IKey,
    retain: bool,
    expires: str | None = None,
) -> dynamodb.TableV2:
    partition, sort = keys
    return dynamodb.TableV2(
        scope,
        construct_id,
        partition_key=dynamodb.Attribute(name=partition, type=_STRING),
        sort_key=dynamodb.Attribute(name=sort, type=_STRING) if sort else None,
        time_to_live_attribute=expires,
        encryption=dynamodb.TableEncryptionV2.customer_managed_key(key),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=retain,
        removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
    )
