"""Requests and tokens per minute of a tenant, shared by every process of a gateway.

What a minute allows is given out in shares: a process takes one from a DynamoDB item, by the keys
`quota#TENANT` and the minute, then counts in memory. It takes the next one before the last is used
up, and the first one of a minute before that begins, so that requests seldom wait for it. No more
is ever given out than the minute allows; what a process leaves of its shares ends with the minute.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from workloads.gateway.config import TenantConfig
from workloads.gateway.dynamodb import DynamoDBError, Table, from_item, to_item
from workloads.gateway.errors import ApiError
from workloads.gateway.estimate import Estimate
from workloads.gateway.limits import Level, needed, too_many

PARTS = 8  # of a minute's worth: the usual size of a share
AHEAD_SECONDS = 3.0  # before the next minute
KINDS = ("requests", "tokens")
UNLIMITED = 10**15

log = logging.getLogger(__name__)


class _Share:
    """What this process may still use of one minute, and at most may still get; by kind."""

    def __init__(self, tenant: TenantConfig, minute: int) -> None:
        self.minute = minute
        limits = tenant.requests_per_minute, tenant.tokens_per_minute
        self.limits = [UNLIMITED if limit is None else limit for limit in limits]
        self.left = [UNLIMITED if limit is None else 0 for limit in limits]
        self.elsewhere = [limit or 0 for limit in limits]  # not given out, as far as is known
        self.lock = asyncio.Lock()

    def lacks(self, needs: tuple[int, int]) -> bool:
        return self.left[0] < needs[0] or self.left[1] < needs[1]

    def refuses(self, needs: tuple[int, int]) -> str | None:
        """The kind of which there is not enough, here or elsewhere."""
        for kind, need, left, more in zip(KINDS, needs, self.left, self.elsewhere, strict=True):
            if need > left + more:
                return kind
        return None


class SharedLimits:
    """Limits that hold for all processes with the same table together.

    While the table cannot be used, each process allows the whole limit by itself.
    """

    def __init__(self, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._shares: dict[str, dict[int, _Share]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def reserve(self, tenant: TenantConfig, estimate: Estimate) -> int:
        limit = tenant.tokens_per_minute
        if limit is None and tenant.requests_per_minute is None:
            return 0
        needs = 1, needed(estimate, limit) if limit else 0
        now = self._clock()
        minute = int(now // 60)
        share = self._share(tenant, minute)
        if share.lacks(needs):
            async with share.lock:
                while share.lacks(needs):
                    if kind := share.refuses(needs):
                        per_minute = share.limits[KINDS.index(kind)]
                        raise too_many(kind, per_minute, (minute + 1) * 60 - now)
                    await self._get(tenant, share, needs)
        share.left = [left - need for left, need in zip(share.left, needs, strict=True)]
        self._get_ahead(tenant, share, now)
        return needs[1]

    def settle(self, tenant: TenantConfig, reserved: int, used: int, at: float) -> None:
        # What is left of a minute that is over is not given back.
        minute = int(self._clock() // 60)
        if tenant.tokens_per_minute and (used > reserved or int(at // 60) == minute):
            self._share(tenant, minute).left[1] += reserved - used

    def levels(self, tenant: TenantConfig) -> tuple[Level | None, Level | None]:
        # What all processes together may still use, as far as is known.
        now = self._clock()
        share = self._share(tenant, int(now // 60))
        reset = 60 - now % 60
        requests, tokens = (
            None if limit == UNLIMITED else Level(limit, max(0, min(limit, left + more)), reset)
            for limit, left, more in zip(share.limits, share.left, share.elsewhere, strict=True)
        )
        return requests, tokens

    def _share(self, tenant: TenantConfig, minute: int) -> _Share:
        shares = self._shares.setdefault(tenant.name, {})
        share = shares.get(minute)
        if share is None:
            for old in [old for old in shares if old < minute]:
                del shares[old]
            share = shares[minute] = _Share(tenant, minute)
        return share

    def _get_ahead(self, tenant: TenantConfig, share: _Share, now: float) -> None:
        """Take the next share in the background, where this one is half used or the minute ends."""
        if 60 - now % 60 < AHEAD_SECONDS:
            share = self._share(tenant, share.minute + 1)
        low = [
            left < limit // PARTS / 2 for left, limit in zip(share.left, share.limits, strict=True)
        ]
        more = [low[kind] and share.elsewhere[kind] > 0 for kind in (0, 1)]
        if any(more) and not share.lock.locked():
            task = asyncio.create_task(self._get_locked(tenant, share))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _get_locked(self, tenant: TenantConfig, share: _Share) -> None:
        async with share.lock:
            await self._get(tenant, share, (0, 0))

    async def _get(self, tenant: TenantConfig, share: _Share, needs: tuple[int, int]) -> None:
        """Take one more share of at least `needs`, or learn how little there is."""
        wanted = [
            min(more, max(need - left, limit // PARTS, 1))
            for need, left, limit, more in zip(
                needs, share.left, share.limits, share.elsewhere, strict=True
            )
        ]
        values = {
            ":expires": (share.minute + 10) * 60,
            **{f":{kind}": want for kind, want in zip(KINDS, wanted, strict=True)},
            **{
                f":most_{kind}": limit - want
                for kind, limit, want in zip(KINDS, share.limits, wanted, strict=True)
            },
        }
        request = {
            "TableName": self._table.name,
            "Key": to_item({"pk": f"quota#{tenant.name}", "sk": str(share.minute)}),
            "UpdateExpression": "SET #expires = :expires ADD #requests :requests, #tokens :tokens",
            "ConditionExpression": "attribute_not_exists(pk) OR "
            "#requests <= :most_requests AND #tokens <= :most_tokens",
            "ExpressionAttributeNames": {f"#{name}": name for name in (*KINDS, "expires")},
            "ExpressionAttributeValues": to_item(values),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            item = from_item((await self._table.call("UpdateItem", request))["Attributes"])
            share.left = [left + want for left, want in zip(share.left, wanted, strict=True)]
        except DynamoDBError as error:
            if error.name != "ConditionalCheckFailedException":
                self._alone(share, error)
                return
            whole = dict(zip(KINDS, share.limits, strict=True))  # if it does not say what is left
            item = from_item(error.answer["Item"]) if "Item" in error.answer else whole
        except (ApiError, TimeoutError) as error:
            self._alone(share, error)
            return
        share.elsewhere = [
            0 if limit == UNLIMITED else max(0, limit - int(item.get(kind, 0)))
            for kind, limit in zip(KINDS, share.limits, strict=True)
        ]

    def _alone(self, share: _Share, error: Exception) -> None:
        log.error("limits cannot be shared, each process counts alone: %s", error)
        share.left = [left + more for left, more in zip(share.left, share.elsewhere, strict=True)]
        share.elsewhere = [0, 0]
