"""Rows of tenants, one for each API key, and the two places they are kept in."""

import json
from pathlib import Path
from typing import Any, Protocol

from workloads.gateway.config import TenantConfig
from workloads.gateway.dynamodb import from_item, to_item
from workloads.gateway.state import connect


class Rows(Protocol):
    """A place for tenants' rows, as the key command uses it. Raises ValueError for a bad row."""

    def all(self) -> list[TenantConfig]:
        """Every row, in the order of names and ages."""

    def put(self, tenant: TenantConfig) -> None:
        """Add a row, or write it anew."""

    def delete(self, tenant: TenantConfig) -> None:
        """Take a row away."""


class FileRows:
    """Rows in the SQLite file of a gateway's state. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS tenants (row_key TEXT PRIMARY KEY, row TEXT NOT NULL)"
        )

    def find(self, row_key: str) -> TenantConfig | None:
        found = self._connection.execute(
            "SELECT row FROM tenants WHERE row_key = ?", (row_key,)
        ).fetchone()
        return None if found is None else TenantConfig.model_validate_json(found[0])

    def all(self) -> list[TenantConfig]:
        rows = self._connection.execute("SELECT row FROM tenants")
        return in_order(TenantConfig.model_validate_json(row) for (row,) in rows)

    def put(self, tenant: TenantConfig) -> None:
        row = json.dumps(fields(tenant))
        self._connection.execute(
            "INSERT OR REPLACE INTO tenants VALUES (?, ?)", (tenant.row_key, row)
        )
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # onto the disk

    def delete(self, tenant: TenantConfig) -> None:
        self._connection.execute("DELETE FROM tenants WHERE row_key = ?", (tenant.row_key,))
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


class TableRows:
    """Rows of a DynamoDB table, through a client of the AWS SDK, whose errors it raises."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def all(self) -> list[TenantConfig]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        return in_order(tenant_of(from_item(item)) for page in pages for item in page["Items"])

    def put(self, tenant: TenantConfig) -> None:
        self._dynamodb.put_item(TableName=self._table, Item=item_of(tenant))

    def delete(self, tenant: TenantConfig) -> None:
        key = {"key_sha256": {"S": tenant.row_key}}
        self._dynamodb.delete_item(TableName=self._table, Key=key)


def fields(tenant: TenantConfig) -> dict[str, Any]:
    """What a row says beside defaults."""
    return tenant.model_dump(mode="json", exclude_defaults=True)


def in_order(rows: Any) -> list[TenantConfig]:
    return sorted(rows, key=lambda row: (row.name, row.created or 0, row.row_key))


def item_of(tenant: TenantConfig) -> dict[str, Any]:
    """A row as DynamoDB's attribute values; the partition key is always there."""
    return to_item({**fields(tenant), "key_sha256": tenant.row_key})


def tenant_of(row: dict[str, Any]) -> TenantConfig:
    """The tenant of a row's plain values. Raises ValueError."""
    if "subject" in row and row.get("key_sha256") == f"subject:{row['subject']}":
        del row["key_sha256"]
    return TenantConfig.model_validate(row)
