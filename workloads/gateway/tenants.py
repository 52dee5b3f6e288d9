"""Who a request's API key belongs to: tenants of the gateway file, then of a DynamoDB table.

Keys are known by their SHA-256 alone, so neither place can give one away, and looking a
digest up tells nothing about the key by its timing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

import orjson
from pydantic import ValidationError

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.upstream import Upstream

KEPT_SECONDS = 60.0  # how long a row of the table is believed: a revoked key works no longer
UNKNOWN_SECONDS = 5.0  # and how long an absence is: a new key works this soon
READ_SECONDS = 10.0  # then it counts as unreadable
KEPT_KEYS = 10_000

log = logging.getLogger(__name__)


class TenantTable:
    """Rows of a DynamoDB table with partition key `key_sha256`, read one by one and kept a while.

    While the table cannot be read, a row that was read before stays valid.
    """

    def __init__(
        self, dynamodb: Upstream, table: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dynamodb = dynamodb
        self._target = dynamodb.target("/")
        self._table = table
        self._clock = clock
        self._kept: dict[str, tuple[float, TenantConfig | None]] = {}  # digest: (until, row)
        self._reading: dict[str, asyncio.Task[TenantConfig | None]] = {}

    async def find(self, digest: str) -> TenantConfig | None:
        """The tenant of a key's SHA-256. Raises ApiError if the table cannot be read."""
        kept = self._kept.get(digest)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        reading = self._reading.get(digest)
        if reading is None:
            reading = asyncio.create_task(self._read(digest))
            self._reading[digest] = reading
            reading.add_done_callback(lambda _: self._reading.pop(digest, None))
        try:
            return await asyncio.shield(reading)
        except ApiError:
            if kept is None or kept[1] is None:
                raise
            return kept[1]

    async def _read(self, digest: str) -> TenantConfig | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                tenant = _tenant(await self._get_item(digest))
        except TimeoutError:
            raise unavailable("the tenants cannot be looked up at the moment") from None
        seconds = UNKNOWN_SECONDS if tenant is None else KEPT_SECONDS
        while len(self._kept) >= KEPT_KEYS:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept.pop(digest, None)
        self._kept[digest] = (self._clock() + seconds, tenant)
        return tenant

    async def _get_item(self, digest: str) -> Mapping[str, Any] | None:
        body = orjson.dumps({"TableName": self._table, "Key": {"key_sha256": {"S": digest}}})
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "DynamoDB_20120810.GetItem",
        }
        async with self._dynamodb.post(self._target, body, headers) as response:
            answer = await response.read()
            if response.status != 200:
                log.error("table %s: HTTP %d: %.500s", self._table, response.status, answer)
                raise unavailable("the tenants cannot be looked up at the moment")
        item: Mapping[str, Any] | None = orjson.loads(answer).get("Item")
        return item


def _tenant(item: Mapping[str, Any] | None) -> TenantConfig | None:
    if item is None:
        return None
    try:
        return TenantConfig.model_validate({key: _plain(value) for key, value in item.items()})
    except (ValidationError, ValueError) as error:
        log.error("a row of the tenants' table is not a tenant and is ignored: %s", error)
        return None


def _plain(attribute: Mapping[str, Any]) -> Any:
    """A DynamoDB attribute value without its type: {"N": "5"} becomes 5."""
    [(kind, value)] = attribute.items()
    match kind:
        case "N":
            return int(value)
        case "L":
            return [_plain(element) for element in value]
        case "M":
            return {name: _plain(element) for name, element in value.items()}
        case "NULL":
            return None
        case _:
            return value


class Tenants:
    """Every tenant the gateway knows."""

    def __init__(self, tenants: Iterable[TenantConfig], table: TenantTable | None = None) -> None:
        self._tenants = {tenant.key_sha256: tenant for tenant in tenants}
        self._table = table

    async def authenticate(self, key: str | None) -> TenantConfig:
        """The tenant that holds `key`. Raises ApiError: 401, or 503 if nobody can tell."""
        if key:
            digest = sha256(key.encode()).hexdigest()
            tenant = self._tenants.get(digest)
            if tenant is None and self._table is not None:
                tenant = await self._table.find(digest)
            if tenant is not None:
                return tenant
        message = "Incorrect API key provided." if key else "No API key provided."
        raise ApiError(
            401, f"{message} Send it as `Authorization: Bearer KEY`.", code="invalid_api_key"
        )
