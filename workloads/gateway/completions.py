"""`/v1/chat/completions`: which model answers, what it may cost, and how the answer is sent."""

import logging
import os
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import orjson

from workloads.gateway.backends.chat import Backend, Chat
from workloads.gateway.config import ModelConfig, TenantConfig
from workloads.gateway.errors import ApiError, bad_request, unavailable
from workloads.gateway.exchange import Exchange
from workloads.gateway.limits import Limits
from workloads.gateway.metrics import Metrics

log = logging.getLogger(__name__)


class Completions:
    """Answers chat completions from `backends`, one for every model by its name."""

    def __init__(
        self,
        models: tuple[ModelConfig, ...],
        backends: Mapping[str, Backend],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        table = {model.name: model for model in models}
        self._chains = {name: fallback_chain(table, name) for name in table}
        self._backends = backends
        self._limits = limits
        self._metrics = metrics

    async def serve(self, exchange: Exchange, tenant: TenantConfig) -> None:
        """Answer one request. Raises ApiError, ClientGone."""
        body = _parsed(await exchange.body())
        chain = self._allowed_chain(body, tenant)
        exchange.model = chain[0].name
        self._limits.admit(tenant)
        options = body.get("stream_options") or {}
        if not isinstance(options, dict):
            raise bad_request("stream_options is not an object", "stream_options")
        chat = Chat(
            body=body,
            id=f"chatcmpl-{os.urandom(12).hex()}",
            created=int(time.time()),
            include_usage=bool(options.get("include_usage")),
        )
        answer = self._stream if body.get("stream") else self._complete
        in_flight = self._metrics.in_flight.values
        in_flight[tenant.name, chain[0].name] += 1
        try:
            await exchange.unless_gone(answer(exchange, tenant, chain, chat))
        finally:
            in_flight[tenant.name, chain[0].name] -= 1

    def _allowed_chain(self, body: dict[str, Any], tenant: TenantConfig) -> list[ModelConfig]:
        name = body.get("model")
        if not isinstance(name, str):
            raise bad_request("model is missing", "model")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise bad_request("messages must be a list with at least one message", "messages")
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
        self, exchange: Exchange, tenant: TenantConfig, chain: list[ModelConfig], chat: Chat
    ) -> None:
        for model in chain:
            try:
                answer = await self._backends[model.name].complete(chat)
                break
            except ApiError as error:
                _give_up_or_go_on(error, exchange, model, chain)
        headers = {"x-gateway-model": model.name}
        cost = self._account(tenant, model, chat)
        if cost is not None:
            headers["x-gateway-cost-usd"] = f"{cost:.9f}"
        await exchange.respond(200, answer, headers=headers)

    async def _stream(
        self, exchange: Exchange, tenant: TenantConfig, chain: list[ModelConfig], chat: Chat
    ) -> None:
        for model in chain:
            stream = self._backends[model.name].stream(chat)
            try:
                first = await anext(stream)
                break
            except StopAsyncIteration:
                raise unavailable("the model ended its answer before it began", 502) from None
            except ApiError as error:
                _give_up_or_go_on(error, exchange, model, chain)
        async with aclosing(stream):
            await exchange.start_events({"x-gateway-model": model.name})
            await exchange.write(first)
            try:
                async for chunk in stream:
                    await exchange.write(chunk)
            finally:
                self._account(tenant, model, chat)
        await exchange.end(b"data: [DONE]\n\n")

    def _account(self, tenant: TenantConfig, model: ModelConfig, chat: Chat) -> float | None:
        """Count the answer's tokens; its cost in USD where they and their price are known."""
        if chat.usage is None:
            return None
        cost = chat.usage.cost_usd(model.price) if model.price else None
        self._metrics.count_usage(tenant.name, model.name, chat.usage, cost)
        self._limits.charge(tenant, chat.usage.total)
        return cost


def fallback_chain(table: Mapping[str, ModelConfig], name: str) -> list[ModelConfig]:
    """The model and the ones after it in the order they are tried, each once, depth first."""
    chain = {name: table[name]}
    for fallback in table[name].fallback:
        for model in fallback_chain(table, fallback):
            chain.setdefault(model.name, model)
    return list(chain.values())


def _give_up_or_go_on(
    error: ApiError, exchange: Exchange, model: ModelConfig, chain: list[ModelConfig]
) -> None:
    log.warning("%s: model %s: %d %s", exchange.request_id, model.name, error.status, error.message)
    if not error.elsewhere or model is chain[-1]:
        raise error


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the request is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise bad_request("the request is not a JSON object")
    return request
