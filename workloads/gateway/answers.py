"""Which model answers, what it may cost, and how the answer is sent, whatever API was asked."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from itertools import count
from typing import TypeVar

from workloads.gateway.accounts import Accounts, Ticket
from workloads.gateway.call import Backend, Call
from workloads.gateway.caller import Caller
from workloads.gateway.config import ModelConfig, TenantConfig
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.exchange import Exchange
from workloads.gateway.ledger.ledger import PICODOLLARS
from workloads.gateway.remote_images import RemoteImages
from workloads.gateway.resilience import Breaker, RetryBudget
from workloads.gateway.seen.observer import Observer
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.usage import Usage

Answer = TypeVar("Answer")


class Answers:
    """Answers from `backends`, one for every model by its name."""

    def __init__(
        self,
        models: tuple[ModelConfig, ...],
        backends: Mapping[str, Backend],
        accounts: Accounts,
        observer: Observer,
        images: RemoteImages,
    ) -> None:
        table = {model.name: model for model in models}
        self._breakers = {model.name: Breaker(model.name, model.concurrency) for model in models}
        self._budget = RetryBudget()
        self._chains = {name: fallback_chain(table, name) for name in table}
        self._backends = backends
        self._accounts = accounts
        self._observer = observer
        self._images = images
        observer.metrics.watch(self._breakers)

    async def serve(self, exchange: Exchange, tenant: TenantConfig, call: Call) -> None:
        """Answer one request. Raises ApiError, ClientGone."""
        chain = self._allowed_chain(call.model, tenant)
        exchange.model = chain[0].name
        call.caller = Caller(tenant, exchange.request_id)
        ticket = await self._accounts.admit(exchange, tenant, chain[0])
        in_flight = self._observer.metrics.in_flight.values
        in_flight[tenant.name, chain[0].name] += 1
        try:
            work = self._answer(exchange, ticket, chain, call)
            await exchange.unless_gone(work, chain[0].deadline)
        finally:
            in_flight[tenant.name, chain[0].name] -= 1

    async def _answer(
        self, exchange: Exchange, ticket: Ticket, chain: list[ModelConfig], call: Call
    ) -> None:
        answer = self._stream if call.stream else self._complete
        try:
            if links := call.links():
                await self._images.inline(links)
            await answer(exchange, ticket, chain, call)
        except BaseException as error:
            self._accounts.close(ticket, error, call.usage)
            raise

    async def count_tokens(self, exchange: Exchange, tenant: TenantConfig, call: Call) -> int:
        """How many tokens the request is for the model it names. Raises ApiError."""
        model = self._allowed_chain(call.model, tenant)[0]
        exchange.model = model.name
        await self._accounts.count(exchange, tenant)
        try:
            async with asyncio.timeout(model.deadline):
                self._observer.attempt(exchange, model)
                return await self._backends[model.name].count_tokens(call)
        except TimeoutError:
            raise unavailable("the tokens were not counted in time", 504) from None

    async def embed(self, exchange: Exchange, tenant: TenantConfig, call: EmbeddingCall) -> None:
        """Answer with embeddings of the very model: vectors of another one compare with nothing.

        Raises ApiError, ClientGone.
        """
        model = self._allowed_chain(call.model, tenant)[0]
        exchange.model = model.name
        call.caller = Caller(tenant, exchange.request_id)
        ticket = await self._accounts.admit(exchange, tenant, model, embeds=True)

        async def work() -> None:
            try:
                _, answer = await self._ask(exchange, [model], lambda backend: backend.embed(call))
                self._breakers[model.name].leave()
                headers = await self._settled(ticket, call.usage)
                await exchange.respond(200, answer, headers=headers)
            except BaseException as error:
                self._accounts.close(ticket, error, call.usage)
                raise

        await exchange.unless_gone(work(), model.deadline)

    def _allowed_chain(self, name: str, tenant: TenantConfig) -> list[ModelConfig]:
        chain = self._chains.get(name)
        if chain is None:
            raise ApiError(
                404,
                f"The model {name[:100]!r} does not exist.",
                code="model_not_found",
                param="model",
            )
        if tenant.models is not None and name not in tenant.models:
            raise ApiError(
                403,
                f"This API key may not use the model {name!r}.",
                code="model_not_allowed",
                param="model",
            )
        return chain

    async def _complete(
        self, exchange: Exchange, ticket: Ticket, chain: list[ModelConfig], call: Call
    ) -> None:
        ticket.model, answer = await self._ask(
            exchange, chain, lambda backend: backend.complete(call)
        )
        self._breakers[ticket.model.name].leave()
        headers = await self._settled(ticket, call.usage)
        await exchange.respond(200, answer, headers=headers)

    async def _stream(
        self, exchange: Exchange, ticket: Ticket, chain: list[ModelConfig], call: Call
    ) -> None:
        async def begin(backend: Backend) -> tuple[AsyncGenerator[bytes], bytes]:
            stream = backend.stream(call)
            try:
                return stream, await anext(stream)
            except StopAsyncIteration:
                raise unavailable("the model ended its answer before it began", 502) from None

        ticket.model, (stream, first) = await self._ask(exchange, chain, begin)
        ticket.began = True
        try:
            async with aclosing(stream):
                await exchange.start_events({"x-gateway-model": ticket.model.name})
                await exchange.write(first)
                async for chunk in stream:
                    await exchange.write(chunk)
        finally:
            self._breakers[ticket.model.name].leave()
        await self._accounts.settle(ticket, call.usage)
        await exchange.end(call.ending)

    async def _ask(
        self,
        exchange: Exchange,
        chain: list[ModelConfig],
        ask: Callable[[Backend], Awaitable[Answer]],
    ) -> tuple[ModelConfig, Answer]:
        """What the first model of the chain that can says; its breaker is still to be left.

        The chain is gone through again while there is reason to hope. Raises ApiError.
        """
        self._budget.earn()
        for attempt in count(1):
            for model in chain:
                try:
                    return model, await self._once(exchange, model, ask)
                except ApiError as error:
                    failure = error
                if not failure.elsewhere or exchange.gone:
                    raise failure
            seconds = self._budget.wait(failure, attempt)
            if seconds is None:
                raise failure
            exchange.settles = False
            self._observer.retried(exchange)
            await asyncio.sleep(seconds)
        raise AssertionError("count() never ends")

    async def _once(
        self,
        exchange: Exchange,
        model: ModelConfig,
        ask: Callable[[Backend], Awaitable[Answer]],
    ) -> Answer:
        breaker = self._breakers[model.name]
        breaker.enter()
        self._observer.attempt(exchange, model)
        try:
            backend = self._backends[model.name]
            exchange.settles = backend.settles
            answer = await ask(backend)
        except BaseException as error:
            breaker.leave()
            if isinstance(error, ApiError):
                breaker.failed(error)
                self._observer.failed(exchange, model, error)
            elif exchange.expired:
                silent = unavailable(f"the model {model.name!r} has said nothing", 504)
                breaker.failed(silent)
                self._observer.failed(exchange, model, silent)
            raise
        breaker.answered()
        return answer

    async def _settled(self, ticket: Ticket, usage: Usage | None) -> dict[str, str]:
        """Charge a whole answer; the headers that say who gave it and what it cost."""
        cost = await self._accounts.settle(ticket, usage)
        headers = {"x-gateway-model": ticket.model.name}
        if cost is not None:
            usd, picodollars = divmod(cost, PICODOLLARS)
            headers["x-gateway-cost-usd"] = f"{usd}.{picodollars:012d}"
        return headers


def fallback_chain(table: Mapping[str, ModelConfig], name: str) -> list[ModelConfig]:
    """The model and the ones after it in the order they are tried, each once, depth first."""
    chain = {name: table[name]}
    for fallback in table[name].fallback:
        for model in fallback_chain(table, fallback):
            chain.setdefault(model.name, model)
    return list(chain.values())
