"""What a request is admitted for, and what it is charged: limits, budget, metrics and ledger."""

import asyncio
import time

from workloads.gateway.budgets import Budgets
from workloads.gateway.config import ModelConfig, TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.estimate import Estimate, estimate
from workloads.gateway.exchange import Exchange
from workloads.gateway.ledger.ledger import PICODOLLARS, Entry, Ledger, Reservation
from workloads.gateway.limit_headers import anthropic_headers, openai_headers
from workloads.gateway.limits import Limiter
from workloads.gateway.metrics import Metrics
from workloads.gateway.surfaces.dialects import ANTHROPIC
from workloads.gateway.usage import Usage


class Ticket:
    """One admitted request: what is reserved for it until it is settled or closed."""

    __slots__ = ("at", "began", "cost", "estimate", "exchange", "model", "open", "tenant", "tokens")

    def __init__(
        self,
        exchange: Exchange,
        tenant: TenantConfig,
        model: ModelConfig,
        expected: Estimate,
        tokens: int,
        cost: int,
    ) -> None:
        self.exchange = exchange
        self.tenant = tenant
        self.model = model  # the one that answers, once that is known
        self.at = time.time()
        self.estimate = expected
        self.tokens = tokens
        self.cost = cost
        self.open = True
        self.began = False  # whether a part of the answer is the client's already


class Accounts:
    """Every request passes `admit`, then `settle` once it is answered, and `close` in any case."""

    def __init__(self, ledger: Ledger, limits: Limiter, metrics: Metrics) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._limits = limits
        self._budgets = Budgets(ledger)

    async def count(self, exchange: Exchange, tenant: TenantConfig) -> None:
        """Admit a request that costs nothing. Raises ApiError 429."""
        await self._reserve(exchange, tenant, Estimate(0, 0))

    async def admit(
        self,
        exchange: Exchange,
        tenant: TenantConfig,
        model: ModelConfig,
        *,
        embeds: bool = False,
    ) -> Ticket:
        """Reserve what a request may take of its tenant's limits. Raises ApiError 429, 503."""
        expected = estimate(exchange.request, exchange.size)
        if embeds:
            expected = expected._replace(output=0)
        tokens = await self._reserve(exchange, tenant, expected)
        cost = 0
        try:
            if tenant.monthly_budget_usd is not None:
                output = expected.output or 0
                cost = Usage(expected.input, output).cost(model.price) if model.price else 0
                await self._budgets.reserve(tenant, cost)
            ticket = Ticket(exchange, tenant, model, expected, tokens, cost)
            self._ledger.reserve(
                Reservation(exchange.request_id, ticket.at, tenant.name, model.name)
            )
        except ApiError:
            self._limits.settle(tenant, tokens, 0, time.time())
            raise
        return ticket

    async def settle(self, ticket: Ticket, usage: Usage | None) -> int | None:
        """Charge a whole answer; returns when it is written down. Its cost in picodollars.

        Raises ApiError 503 where that cannot be written.
        """
        price = ticket.model.price
        cost = usage.cost(price) if usage is not None and price is not None else None
        await self._charge(ticket, usage, cost)
        return cost

    def close(self, ticket: Ticket, error: BaseException, usage: Usage | None) -> None:
        """End a request that failed, unless it is settled.

        A model that refused has charged nothing. One that was cut off may have: without its
        `usage` nobody will ever say how much, and that stays in the ledger as unsettled.
        """
        if not ticket.open:
            return
        refused = isinstance(error, ApiError) and error.status not in (502, 504)
        if refused and not ticket.began and usage is None:
            ticket.open = False
            self._limits.settle(ticket.tenant, ticket.tokens, 0, ticket.at)
            self._budgets.settle(ticket.tenant, ticket.cost, 0)
            self._ledger.release(ticket.exchange.request_id)
            return
        price = ticket.model.price
        cost = usage.cost(price) if usage is not None and price is not None else None
        # If it cannot be written, the ledger itself says so.
        self._charge(ticket, usage, cost).add_done_callback(lambda done: done.exception())

    def _charge(
        self, ticket: Ticket, usage: Usage | None, cost: int | None
    ) -> asyncio.Future[None]:
        ticket.open = False
        tenant, model = ticket.tenant, ticket.model.name
        if usage is None:
            used = min(ticket.estimate.input, ticket.tokens)
        else:
            used = usage.total
            usd = None if cost is None else cost / PICODOLLARS
            ticket.exchange.usage, ticket.exchange.cost_usd = usage, usd
            self._metrics.count_usage(tenant.name, model, usage, usd)
        self._limits.settle(tenant, ticket.tokens, used, ticket.at)
        self._budgets.settle(tenant, ticket.cost, cost or 0)
        entry = Entry(ticket.exchange.request_id, ticket.at, tenant.name, model, usage, cost)
        return self._ledger.settle(entry)

    async def _reserve(self, exchange: Exchange, tenant: TenantConfig, expected: Estimate) -> int:
        try:
            return await self._limits.reserve(tenant, expected)
        finally:
            if tenant.requests_per_minute or tenant.tokens_per_minute:
                headers = anthropic_headers if exchange.dialect is ANTHROPIC else openai_headers
                exchange.limits = headers(*self._limits.levels(tenant))
