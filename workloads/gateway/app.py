"""The gateway's routes, as a bare ASGI application."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import orjson

from workloads.gateway import openapi
from workloads.gateway.accounts import Accounts
from workloads.gateway.answers import Answers
from workloads.gateway.call import Backend, Json
from workloads.gateway.config import ModelConfig, TenantConfig
from workloads.gateway.encoding import decoded
from workloads.gateway.errors import ApiError, bad_request, unavailable
from workloads.gateway.exchange import CLIENT_GONE, ClientGone, Exchange, Receive, Send
from workloads.gateway.ledger.ledger import Ledger
from workloads.gateway.limits import Limiter
from workloads.gateway.metrics import CONTENT_TYPE
from workloads.gateway.pages import HEADERS as PAGE_HEADERS
from workloads.gateway.pages import load_pages
from workloads.gateway.remote_images import RemoteImages
from workloads.gateway.seen.observer import Observer, route_of
from workloads.gateway.surfaces.chat import ChatCall
from workloads.gateway.surfaces.converse import ConverseCall
from workloads.gateway.surfaces.dialects import ANTHROPIC, BEDROCK
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.surfaces.messages import MessagesCall
from workloads.gateway.surfaces.responses import Responses, ResponsesCall
from workloads.gateway.tenants import Tenants
from workloads.gateway.tokens import claim_of, token_of
from workloads.gateway.usage_report import period, report

log = logging.getLogger(__name__)


class Gateway:
    """The application. `is_ready` says whether a load balancer should send more requests.

    While it is `leaving` it is not ready, but serves as ever.
    """

    def __init__(
        self,
        *,
        models: tuple[ModelConfig, ...],
        backends: Mapping[str, Backend],
        tenants: Tenants,
        ledger: Ledger,
        limits: Limiter,
        is_ready: Callable[[], bool],
        observer: Observer,
        images: RemoteImages,
        claim: str | None = None,
    ) -> None:
        """`claim`: of tokens that the load balancer has verified, in the place of API keys."""
        self._models = [model.name for model in models]
        # USD per million tokens; a key of ours, beside those of OpenAI's and Anthropic's lists.
        self._prices = {
            model.name: {"price": model.price.model_dump(exclude_none=True)} if model.price else {}
            for model in models
        }
        self._pages = load_pages()
        # Clients of Bedrock's form may also call a model by its id there.
        self._by_id = {model.bedrock: model.name for model in reversed(models) if model.bedrock}
        self._tenants = tenants
        self._claim = claim
        self._is_ready = is_ready
        self.leaving = False
        self._observer = observer
        self._ledger = ledger
        self._answers = Answers(
            models, backends, Accounts(ledger, limits, observer.metrics), observer, images
        )
        # The fields of OpenAI's and of Anthropic's list of models; no SDK minds the other's.
        self._about = {
            "object": "model",
            "created": int(time.time()),
            "owned_by": "gateway",
            "type": "model",
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no lifespan, no web sockets
            return
        exchange = Exchange(scope, receive, send)
        observed = exchange.path.startswith(("/v1/", "/model/"))
        if observed:
            self._observer.begin(exchange)
        try:
            await self._route(exchange)
        except ApiError as error:
            await exchange.fail(error)
        except ClientGone:
            exchange.outcome = CLIENT_GONE
        except asyncio.CancelledError:  # by the server alone, at the end of its time to drain
            await exchange.fail(unavailable("the gateway is being stopped; ask again"))
        except Exception:
            log.exception("%s: %s failed", exchange.request_id, route_of(exchange.path))
            message = (
                f"The gateway failed; its operator finds the reason under {exchange.request_id}."
            )
            await exchange.fail(ApiError(500, message, type="server_error"))
        finally:
            if observed:
                self._observer.end(exchange)

    async def _route(self, exchange: Exchange) -> None:
        path = exchange.path
        if path == "/v1/chat/completions":
            tenant, body = await self._posted(exchange)
            await self._answers.serve(exchange, tenant, ChatCall(body))
        elif path == "/v1/responses":
            tenant, body = await self._posted(exchange)
            call = ResponsesCall(body)
            exchange.dialect = Responses(call)
            await self._answers.serve(exchange, tenant, call)
        elif path == "/v1/embeddings":
            tenant, body = await self._posted(exchange)
            await self._answers.embed(exchange, tenant, EmbeddingCall(body))
        elif path == "/v1/messages":
            exchange.dialect = ANTHROPIC
            tenant, body = await self._posted(exchange)
            await self._answers.serve(exchange, tenant, MessagesCall(body))
        elif path == "/v1/messages/count_tokens":
            exchange.dialect = ANTHROPIC
            tenant, body = await self._posted(exchange)
            counted = MessagesCall(body, counted=True)
            tokens = await self._answers.count_tokens(exchange, tenant, counted)
            await exchange.respond(200, orjson.dumps({"input_tokens": tokens}))
        elif path.startswith("/model/"):
            exchange.dialect = BEDROCK
            await self._converse(exchange)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            if exchange.header(b"anthropic-version") is not None:
                exchange.dialect = ANTHROPIC
            _expect(exchange, "GET")
            await self._list_models(exchange, await self._tenant(exchange))
        elif path == "/v1/usage":
            _expect(exchange, "GET")
            await self._report_usage(exchange, await self._tenant(exchange))
        elif path == "/health":
            _expect(exchange, "GET")
            await exchange.respond(200, b'{"status":"ok"}')
        elif path == "/ready":
            _expect(exchange, "GET")
            ready = not self.leaving and self._is_ready()
            status = b'{"status":"ready"}' if ready else b'{"status":"not ready"}'
            await exchange.respond(200 if ready else 503, status)
        elif path == "/metrics" and exchange.header(b"x-forwarded-for") is None:
            # All tenants' figures: for a scraper beside the gateway, not through the load
            # balancer, which adds that header to every request.
            _expect(exchange, "GET")
            text = self._observer.metrics.text()
            await exchange.respond(200, text.encode(), CONTENT_TYPE.encode())
        elif path == "/openapi.json":
            _expect(exchange, "GET")
            await exchange.respond(200, openapi.BODY)
        elif path in self._pages:
            _expect(exchange, "GET")
            page = self._pages[path]
            await exchange.respond(200, page.body, page.content_type, PAGE_HEADERS)
        else:
            if path.startswith("/v1/messages/"):
                exchange.dialect = ANTHROPIC
            raise ApiError(404, f"There is no {path[:100]}.", code="unknown_url")

    async def _converse(self, exchange: Exchange) -> None:
        id, _, operation = exchange.path.removeprefix("/model/").rpartition("/")
        if operation not in ("converse", "converse-stream", "count-tokens"):
            raise ApiError(404, f"There is no {exchange.path[:100]}.", code="unknown_url")
        tenant, body = await self._posted(exchange)
        model = id if id in self._models else self._by_id.get(id, id)
        if operation == "count-tokens":
            match body:
                case {"input": {"converse": dict(request)}}:
                    call = ConverseCall(model, request, stream=False)
                case _:
                    raise bad_request("input.converse is missing")
            tokens = await self._answers.count_tokens(exchange, tenant, call)
            await exchange.respond(200, orjson.dumps({"inputTokens": tokens}))
        else:
            call = ConverseCall(model, body, stream=operation == "converse-stream")
            await self._answers.serve(exchange, tenant, call)

    async def _posted(self, exchange: Exchange) -> tuple[TenantConfig, Json]:
        """Who asks, and the JSON object of the request."""
        _expect(exchange, "POST")
        tenant = await self._tenant(exchange)
        body = await exchange.body()
        request = decoded(body)
        if not isinstance(request, dict):
            raise bad_request("the request is not a JSON object")
        exchange.request, exchange.size = request, len(body)
        return tenant, request

    async def _tenant(self, exchange: Exchange) -> TenantConfig:
        token = None if self._claim is None else token_of(exchange.headers)
        if self._claim is not None and token is not None:
            tenant = await self._tenants.of_subject(claim_of(token, self._claim))
        else:
            scheme, _, key = (exchange.header(b"authorization") or "").partition(" ")
            if scheme.lower() != "bearer":
                key = exchange.header(b"x-api-key") or ""  # where Anthropic's SDK sends it
            tenant = await self._tenants.authenticate(key.strip() or None)
        exchange.tenant = tenant.name
        exchange.key_id = tenant.key_id or tenant.row_key[:12]
        return tenant

    async def _list_models(self, exchange: Exchange, tenant: TenantConfig) -> None:
        models = [
            {**self._about, "id": name, "display_name": name, **self._prices[name]}
            for name in self._models
            if tenant.models is None or name in tenant.models
        ]
        name = unquote(exchange.path.removeprefix("/v1/models").removeprefix("/"))
        if not name:
            await exchange.respond(
                200, orjson.dumps({"object": "list", "data": models, **_WHOLE_LIST})
            )
            return
        for model in models:
            if model["id"] == name:
                await exchange.respond(200, orjson.dumps(model))
                return
        raise ApiError(404, f"The model {name[:100]!r} does not exist.", code="model_not_found")

    async def _report_usage(self, exchange: Exchange, tenant: TenantConfig) -> None:
        since, until = period(exchange.query, datetime.now(UTC).date())
        rows = await self._ledger.usage(since, until, None if tenant.admin else tenant.name)
        await exchange.respond(200, orjson.dumps(report(tenant, since, until, rows)))


def _expect(exchange: Exchange, method: str) -> None:
    if exchange.method != method:
        raise ApiError(405, f"{exchange.path} takes {method}, not {exchange.method}.")


_WHOLE_LIST = {"has_more": False, "first_id": None, "last_id": None}
