"""Who a request is from: tenants of the gateway file, then of the place that keys are kept in.

Keys are known by their SHA-256 alone, so no place can give one away, and looking a digest up
tells nothing about the key by its timing.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256

from workloads.gateway.config import TenantConfig
from workloads.gateway.dynamodb import DynamoDBError, Table
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.keys.rows import FileRows, tenant_of

KEPT_SECONDS = 60.0  # how long a row of the table is believed: a revoked key works no longer
KEPT_FILE_SECONDS = 1.0  # and one of a file, which is read in microseconds
UNKNOWN_SECONDS = 5.0  # and how long an absence is: a new key works this soon
READ_SECONDS = 10.0  # then the place counts as unreadable
KEPT_KEYS = 10_000

log = logging.getLogger(__name__)

Read = Callable[[str], Awaitable[TenantConfig | None]]


class KeptRows:
    """Rows that `read` finds by their key, kept a while.

    While they cannot be read, a row that was read before stays valid.
    """

    def __init__(
        self, read: Read, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[str, tuple[float, TenantConfig | None]] = {}  # row key: (until, row)
        self._reading: dict[str, asyncio.Task[TenantConfig | None]] = {}

    async def find(self, row_key: str) -> TenantConfig | None:
        """The row of a key's SHA-256, or of a subject. Raises ApiError if it cannot be read."""
        kept = self._kept.get(row_key)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        reading = self._reading.get(row_key)
        if reading is None:
            reading = asyncio.create_task(self._renew(row_key))
            self._reading[row_key] = reading
            reading.add_done_callback(lambda _: self._reading.pop(row_key, None))
        try:
            return await asyncio.shield(reading)
        except ApiError:
            if kept is None or kept[1] is None:
                raise
            return kept[1]

    async def _renew(self, row_key: str) -> TenantConfig | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                row = await self._read(row_key)
        except TimeoutError:
            raise _unreadable() from None
        seconds = self._seconds if row is not None else min(self._seconds, UNKNOWN_SECONDS)
        while len(self._kept) >= KEPT_KEYS:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept.pop(row_key, None)
        self._kept[row_key] = (self._clock() + seconds, row)
        return row


def table_reader(table: Table) -> Read:
    """Reads rows of a DynamoDB table with partition key `key_sha256`, one by one."""

    async def read(row_key: str) -> TenantConfig | None:
        try:
            item = await table.get({"key_sha256": row_key})
        except DynamoDBError as error:
            log.error("table %s: %s", table.name, error)
            raise _unreadable() from error
        try:
            return None if item is None else tenant_of(item)
        except ValueError as error:
            log.error("a row of the tenants' table is not a tenant and is ignored: %s", error)
            return None

    return read


def file_reader(rows: FileRows) -> Read:
    """Reads rows of the SQLite file."""

    async def read(row_key: str) -> TenantConfig | None:
        try:
            return rows.find(row_key)
        except sqlite3.Error as error:
            log.error("the tenants' file cannot be read: %s", error)
            raise _unreadable() from error
        except ValueError as error:
            log.error("a row of the tenants' file is not a tenant and is ignored: %s", error)
            return None

    return read


class Tenants:
    """Every tenant the gateway knows."""

    def __init__(self, tenants: Iterable[TenantConfig], rows: KeptRows | None = None) -> None:
        self._tenants = {tenant.row_key: tenant for tenant in tenants}
        self._rows = rows

    async def authenticate(self, key: str | None) -> TenantConfig:
        """The tenant that holds `key`. Raises ApiError: 401, or 503 if nobody can tell."""
        if not key:
            raise _unknown("No API key provided.")
        tenant = await self._find(sha256(key.encode()).hexdigest())
        if tenant is None:
            raise _unknown("Incorrect API key provided.")
        return tenant

    async def of_subject(self, subject: str | None) -> TenantConfig:
        """The tenant that a verified token names. Raises ApiError: 401, or 503."""
        tenant = None if subject is None else await self._find(f"subject:{subject}")
        if tenant is None:
            raise _unknown("The token names no tenant of this gateway.")
        return tenant

    async def _find(self, row_key: str) -> TenantConfig | None:
        tenant = self._tenants.get(row_key)
        if tenant is None and self._rows is not None:
            tenant = await self._rows.find(row_key)
        if tenant is not None and tenant.expires is not None and tenant.expires <= time.time():
            raise _unknown("This API key has expired.")
        return tenant


def _unknown(message: str) -> ApiError:
    return ApiError(
        401, f"{message} Send it as `Authorization: Bearer KEY`.", code="invalid_api_key"
    )


def _unreadable() -> ApiError:
    return unavailable("the tenants cannot be looked up at the moment")
