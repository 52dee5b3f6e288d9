"""The HTTP side: OpenAI's routes over one engine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from workloads.serve.answers import CHAT, COMPLETION, Answer, Form
from workloads.serve.chat import ChatError
from workloads.serve.engine import Engine, Piece, Sampling
from workloads.serve.schema import (
    ChatRequest,
    CompletionRequest,
    Request,
    RequestError,
    explain,
)
from workloads.serve.worker import Worker

Body = TypeVar("Body", bound=Request)


class Server:
    """The routes; `name` is what clients call the model."""

    def __init__(self, engine: Engine, *, name: str) -> None:
        self._engine = engine
        self._worker = Worker(engine)
        self._name = name
        self._created = int(time.time())

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            self._worker.close()

        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/v1/models", self._models),
                Route("/v1/models/{model:path}", self._model),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
            ],
            exception_handlers={
                RequestError: _refused,
                HTTPException: _http_error,
                Exception: _failed,
            },
            lifespan=lifespan,
        )

    async def _health(self, _: HttpRequest) -> Response:
        """The server listens only once the model is loaded, so that an answer means ready."""
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _: HttpRequest) -> Response:
        """The queue, by the names that vLLM gives it: scaling and draining read them."""
        gauges = {"running": self._worker.running, "waiting": self._worker.waiting}
        lines = [
            f"# TYPE vllm:num_requests_{state} gauge\n"
            f'vllm:num_requests_{state}{{model_name="{self._name}"}} {count}\n'
            for state, count in gauges.items()
        ]
        return Response("".join(lines), media_type="text/plain; version=0.0.4")

    async def _models(self, _: HttpRequest) -> Response:
        return JSONResponse({"object": "list", "data": [self._description()]})

    async def _model(self, request: HttpRequest) -> Response:
        self._check_model(request.path_params["model"])
        return JSONResponse(self._description())

    async def _chat(self, request: HttpRequest) -> Response:
        body = await _read(request, ChatRequest)
        messages = [{"role": turn.role, "content": turn.text} for turn in body.messages]
        try:
            text = self._engine.chat.render(messages)
        except ChatError as error:
            raise RequestError(str(error), parameter="messages") from None
        return await self._answer(request, body, CHAT, self._engine.encode(text, marks=False))

    async def _complete(self, request: HttpRequest) -> Response:
        body = await _read(request, CompletionRequest)
        if isinstance(body.prompt, str):
            prompt = self._engine.encode(body.prompt, marks=True)
        else:
            prompt = body.prompt
            if max(prompt, default=0) >= self._engine.vocabulary:
                raise RequestError(
                    f"prompt: the model has the tokens 0 to {self._engine.vocabulary - 1}",
                    parameter="prompt",
                )
        return await self._answer(request, body, COMPLETION, prompt)

    async def _answer(
        self, request: HttpRequest, body: Request, form: Form, prompt: list[int]
    ) -> Response:
        self._check_model(body.model)
        sampling = body.sampling(self._engine, len(prompt))
        answer = Answer(form, model=self._name, prompt_tokens=len(prompt))
        if body.stream:
            return StreamingResponse(
                self._stream(answer, prompt, sampling, with_usage=body.with_usage),
                media_type="text/event-stream",
                headers={"cache-control": "no-cache"},
            )
        return JSONResponse(answer.whole(await self._collect(request, prompt, sampling)))

    async def _stream(
        self, answer: Answer, prompt: list[int], sampling: Sampling, *, with_usage: bool
    ) -> AsyncIterator[str]:
        async with aclosing(self._worker.generate(prompt, sampling)) as pieces:
            try:
                async for event in answer.events(pieces, with_usage=with_usage):
                    yield event
            except Exception as error:  # too late for a status: tell it where the client looks
                yield f"data: {json.dumps(_failure(error))}\n\n"
                raise

    async def _collect(
        self, request: HttpRequest, prompt: list[int], sampling: Sampling
    ) -> list[Piece]:
        """All pieces; a client that goes away meanwhile cancels us and with us the work."""

        async def gather() -> list[Piece]:
            async with aclosing(self._worker.generate(prompt, sampling)) as pieces:
                return [piece async for piece in pieces]

        generation = asyncio.ensure_future(gather())
        departure = asyncio.ensure_future(_departure(request))
        try:
            await asyncio.wait((generation, departure), return_when=asyncio.FIRST_COMPLETED)
            if not generation.done():
                raise HTTPException(499, "the client went away")  # nobody reads this
            return generation.result()
        finally:
            generation.cancel()
            departure.cancel()

    def _check_model(self, model: str) -> None:
        if model != self._name:
            raise RequestError(
                f"the model {model!r} does not exist; this server has {self._name!r}",
                parameter="model",
                code="model_not_found",
                status=404,
            )

    def _description(self) -> dict[str, object]:
        return {
            "id": self._name,
            "object": "model",
            "created": self._created,
            "owned_by": "local",
            "max_model_len": self._engine.context,
        }


async def _read(request: HttpRequest, kind: type[Body]) -> Body:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        raise explain(error) from None


async def _departure(request: HttpRequest) -> None:
    """Until the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(_: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    told = _envelope(str(error), parameter=error.parameter, code=error.code)
    return JSONResponse(told, status_code=error.status)


async def _http_error(_: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(_envelope(error.detail), status_code=error.status_code)


async def _failed(_: HttpRequest, error: Exception) -> Response:
    return JSONResponse(_failure(error), status_code=500)


def _failure(error: Exception) -> dict[str, object]:
    return _envelope(f"the server failed: {type(error).__name__}", kind="server_error")


def _envelope(
    message: str,
    *,
    kind: str = "invalid_request_error",
    parameter: str | None = None,
    code: str | None = None,
) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}
