"""The gateway's routes, as a bare ASGI application."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from workloads.gateway.backends.chat import Backend
from workloads.gateway.completions import Completions
from workloads.gateway.config import ModelConfig, TenantConfig
from workloads.gateway.errors import ApiError
from workloads.gateway.exchange import CLIENT_GONE, ClientGone, Exchange, Receive, Send
from workloads.gateway.limits import Limits
from workloads.gateway.metrics import CONTENT_TYPE, Metrics
from workloads.gateway.tenants import Tenants

log = logging.getLogger(__name__)


class Gateway:
    """The application. `is_ready` says whether a load balancer should send more requests."""

    def __init__(
        self,
        *,
        models: tuple[ModelConfig, ...],
        backends: Mapping[str, Backend],
        tenants: Tenants,
        is_ready: Callable[[], bool],
    ) -> None:
        self._models = [model.name for model in models]
        self._tenants = tenants
        self._is_ready = is_ready
        self._metrics = Metrics()
        self._completions = Completions(models, backends, Limits(), self._metrics)
        self._started = int(time.time())

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no lifespan, no web sockets
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._route(exchange)
        except ApiError as error:
            await exchange.fail(error)
        except ClientGone:
            exchange.outcome = CLIENT_GONE
        except Exception:
            log.exception("%s: %s %s", exchange.request_id, exchange.method, exchange.path)
            message = (
                f"The gateway failed; its operator finds the reason under {exchange.request_id}."
            )
            await exchange.fail(ApiError(500, message, type="server_error"))
        finally:
            if exchange.path.startswith("/v1/"):
                counted = (exchange.tenant, exchange.model, str(exchange.outcome))
                self._metrics.requests.values[counted] += 1

    async def _route(self, exchange: Exchange) -> None:
        path = exchange.path
        if path == "/v1/chat/completions":
            _expect(exchange, "POST")
            await self._completions.serve(exchange, await self._tenant(exchange))
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            _expect(exchange, "GET")
            await self._list_models(exchange, await self._tenant(exchange))
        elif path == "/health":
            _expect(exchange, "GET")
            await exchange.respond(200, b'{"status":"ok"}')
        elif path == "/ready":
            _expect(exchange, "GET")
            ready = self._is_ready()
            status = b'{"status":"ready"}' if ready else b'{"status":"not ready"}'
            await exchange.respond(200 if ready else 503, status)
        elif path == "/metrics" and exchange.header(b"x-forwarded-for") is None:
            # All tenants' figures: for a scraper beside the gateway, not through the load
            # balancer, which adds that header to every request.
            _expect(exchange, "GET")
            await exchange.respond(200, self._metrics.text().encode(), CONTENT_TYPE.encode())
        else:
            raise ApiError(404, f"There is no {path[:100]}.", code="unknown_url")

    async def _tenant(self, exchange: Exchange) -> TenantConfig:
        scheme, _, key = (exchange.header(b"authorization") or "").partition(" ")
        tenant = await self._tenants.authenticate(
            key.strip() if scheme.lower() == "bearer" else None
        )
        exchange.tenant = tenant.name
        return tenant

    async def _list_models(self, exchange: Exchange, tenant: TenantConfig) -> None:
        models = [
            {"id": name, "object": "model", "created": self._started, "owned_by": "gateway"}
            for name in self._models
            if tenant.models is None or name in tenant.models
        ]
        name = unquote(exchange.path.removeprefix("/v1/models").removeprefix("/"))
        if not name:
            await exchange.respond(200, orjson.dumps({"object": "list", "data": models}))
            return
        for model in models:
            if model["id"] == name:
                await exchange.respond(200, orjson.dumps(model))
                return
        raise ApiError(404, f"The model {name[:100]!r} does not exist.", code="model_not_found")


def _expect(exchange: Exchange, method: str) -> None:
    if exchange.method != method:
        raise ApiError(405, f"{exchange.path} takes {method}, not {exchange.method}.")
