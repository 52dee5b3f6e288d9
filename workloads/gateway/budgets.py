"""What each tenant may spend in a month."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from workloads.gateway.config import TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.ledger.ledger import PICODOLLARS, Ledger

FRESH_SECONDS = 10.0  # how long what other processes spent may be unknown

log = logging.getLogger(__name__)


class _Account:
    """Money of one tenant in one month, in picodollars."""

    def __init__(self, month: str) -> None:
        self.month = month
        self.spent = 0  # as the ledger said when it was read
        self.since = 0  # settled here since
        self.reserved = 0  # of requests that are open
        self.read_at = -math.inf
        self.reading: asyncio.Task[None] | None = None


class Budgets:
    """Lets requests in while what is spent, and reserved for open ones, is below the budget.

    So a budget is overrun by one request at most in each process, and by what other processes
    spend within `FRESH_SECONDS`.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._day = 0  # since the epoch, and the month it is in
        self._month = ""

    async def reserve(self, tenant: TenantConfig, cost: int) -> None:
        """Raises ApiError: 429 where the budget is spent, 503 where the ledger cannot be read."""
        if tenant.monthly_budget_usd is None:
            return
        now = self._clock()
        month = self._month_of(now)
        account = self._accounts.get(tenant.name)
        if account is None or account.month != month:
            account = self._accounts[tenant.name] = _Account(month)
        if now - account.read_at > FRESH_SECONDS:
            first = account.read_at == -math.inf
            if account.reading is None:
                account.reading = asyncio.create_task(self._read(tenant.name, account))
            if first:
                await asyncio.shield(account.reading)
        if account.spent + account.since + account.reserved >= budget(tenant):
            raise _spent(tenant, now)
        account.reserved += cost

    def settle(self, tenant: TenantConfig, reserved: int, cost: int) -> None:
        """What a request really cost, instead of the reserved."""
        account = self._accounts.get(tenant.name)
        if account is not None:
            account.reserved = max(0, account.reserved - reserved)
            account.since += cost

    def _month_of(self, now: float) -> str:
        day = int(now // 86_400)  # UTC knows no other length of a day
        if day != self._day:
            self._day, self._month = day, time.strftime("%Y-%m", time.gmtime(now))
        return self._month

    async def _read(self, tenant: str, account: _Account) -> None:
        before = account.since
        try:
            account.spent = await self._ledger.spent(tenant, account.month)
            account.since -= (
                before  # the rest may be in what was read, and is counted twice a while
            )
            account.read_at = self._clock()
        except ApiError as error:
            if account.read_at == -math.inf:
                raise
            account.read_at = self._clock()  # once more after a while; what is known goes on
            log.error("what %s has spent cannot be read: %s", tenant, error)
        finally:
            account.reading = None


def budget(tenant: TenantConfig) -> int:
    """A tenant's monthly budget in picodollars."""
    return round((tenant.monthly_budget_usd or 0) * PICODOLLARS)


def _spent(tenant: TenantConfig, now: float) -> ApiError:
    today = datetime.fromtimestamp(now, UTC)
    years, month = divmod(today.month, 12)
    reset = datetime(today.year + years, month + 1, 1, tzinfo=UTC)
    return ApiError(
        429,
        f"You have spent your budget of {tenant.monthly_budget_usd:g} USD for this month. It "
        f"starts anew at {reset:%Y-%m-%dT%H:%M:%SZ}.",
        type="insufficient_quota",
        code="insufficient_quota",
        retry_after=math.ceil(reset.timestamp() - now),
        retry=False,
    )
