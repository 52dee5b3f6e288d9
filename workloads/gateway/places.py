"""Where a gateway keeps its tenants and its ledger: DynamoDB tables, a file, or nowhere."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from workloads.gateway.aws import Aws
from workloads.gateway.config import GatewayConfigError
from workloads.gateway.dynamodb import Table
from workloads.gateway.keys.rows import FileRows
from workloads.gateway.ledger.dynamodb import DynamoDBLedger
from workloads.gateway.ledger.ledger import Ledger
from workloads.gateway.ledger.memory import MemoryLedger
from workloads.gateway.ledger.sqlite import SqliteLedger
from workloads.gateway.limits import Limiter, Limits
from workloads.gateway.shared_limits import SharedLimits
from workloads.gateway.tenants import (
    KEPT_FILE_SECONDS,
    KEPT_SECONDS,
    KeptRows,
    file_reader,
    table_reader,
)


class Places(NamedTuple):
    """What the command line says: the tables of tenants and of the ledger, a file for both."""

    table: str | None
    ledger_table: str | None
    state: Path | None


def open_places(places: Places, aws: Aws) -> tuple[KeptRows | None, Ledger, Limiter]:
    """The rows of tenants, the ledger, and what counts per minute. Raises GatewayConfigError."""
    if places.state is not None and (places.table or places.ledger_table):
        raise GatewayConfigError(
            "--state is a file on this machine, --table and --ledger-table are tables of DynamoDB: "
            "give the one or the others"
        )
    rows = None
    if places.table:
        tenants = Table(aws.upstream("dynamodb"), places.table)
        rows = KeptRows(table_reader(tenants), KEPT_SECONDS)
    if places.ledger_table:
        table = Table(aws.upstream("dynamodb"), places.ledger_table)
        return rows, DynamoDBLedger(table), SharedLimits(table)
    if places.state is None:
        return rows, MemoryLedger(), Limits()
    try:
        file = FileRows(places.state)
        rows = KeptRows(file_reader(file), KEPT_FILE_SECONDS)
        return rows, SqliteLedger(places.state), Limits()
    except (sqlite3.Error, OSError) as error:
        raise GatewayConfigError(f"{places.state} cannot be used as state: {error}") from error
