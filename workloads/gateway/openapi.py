"""The description that the gateway serves of itself at `/openapi.json`: OpenAPI 3.1.

It names what is read here; other fields of the three APIs are passed on or left out as their models
can, and their own references describe them. The tests hold every answer of a fuzzer against it.
"""

from typing import Any

import orjson

from workloads.gateway.call import Json
from workloads.gateway.openapi_schemas import ANY, SCHEMAS, TEXT, WHOLE, list_, object_, ref


def _media(kind: str, schema: Json) -> Json:
    return {kind: {"schema": schema}}


def _operation(
    summary: str,
    answer: Json,
    *,
    errors: str = "OpenAIError",
    request: Json | None = None,
    events: str | None = "text/event-stream",
    parameters: tuple[Json, ...] = (),
) -> Json:
    """One operation that needs a key; `events` is the type of its streams, if it has them."""
    content = _media("application/json", answer)
    if request is not None and events is not None:
        content |= {events: {}}
    operation: Json = {
        "summary": summary,
        "security": [{"bearer": []}, {"header": []}],
        "responses": {
            "200": {"description": "The answer.", "content": content},
            "default": {
                "description": "Why there is none.",
                "content": _media("application/json", ref(errors)),
            },
        },
    }
    if request is not None:
        body = {"required": True, "content": _media("application/json", request)}
        operation["requestBody"] = body
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _open(summary: str, kind: str, schema: Json, *others: str) -> Json:
    """An operation without a key; `others` are statuses besides 200."""
    answer = {"description": summary, "content": _media(kind, schema)}
    return {"get": {"summary": summary, "responses": dict.fromkeys(("200", *others), answer)}}


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _day(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string", "format": "date"}}


def _post(summary: str, request: str, answer: Json, **more: Any) -> Json:
    return {"post": _operation(summary, answer, request=ref(request), **more)}


_STATUS = object_(["status"], status=TEXT)
_BEDROCK: Json = {"errors": "BedrockError", "parameters": (_in_path("model"),)}
_COUNTED = object_(["input"], input=object_(["converse"], converse=ref("ConverseRequest")))

DESCRIPTION: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "Gateway",
        "version": "1",
        "description": "One endpoint for Amazon Bedrock and own models, in the forms of OpenAI, "
        "Anthropic and Bedrock.",
    },
    "paths": {
        "/v1/chat/completions": _post(
            "OpenAI's chat completions.", "ChatRequest", ref("Completion")
        ),
        "/v1/responses": _post(
            "OpenAI's responses, without those that are kept.", "ResponsesRequest", ref("Response")
        ),
        "/v1/embeddings": _post(
            "OpenAI's embeddings.", "EmbeddingRequest", ref("Embeddings"), events=None
        ),
        "/v1/messages": _post(
            "Anthropic's Messages.", "MessagesRequest", ref("Message"), errors="AnthropicError"
        ),
        "/v1/messages/count_tokens": _post(
            "How many tokens a message is.",
            "MessagesRequest",
            object_(["input_tokens"], input_tokens=WHOLE),
            errors="AnthropicError",
            events=None,
        ),
        "/model/{model}/converse": _post(
            "Bedrock's Converse.",
            "ConverseRequest",
            ref("ConverseAnswer"),
            events=None,
            **_BEDROCK,
        ),
        "/model/{model}/converse-stream": _post(
            "Bedrock's ConverseStream.",
            "ConverseRequest",
            ANY,
            events="application/vnd.amazon.eventstream",
            **_BEDROCK,
        ),
        "/model/{model}/count-tokens": {
            "post": _operation(
                "Bedrock's CountTokens.",
                object_(["inputTokens"], inputTokens=WHOLE),
                request=_COUNTED,
                events=None,
                **_BEDROCK,
            )
        },
        "/v1/models": {
            "get": _operation(
                "The models that the key may use.", object_(["data"], data=list_(ref("Model")))
            )
        },
        "/v1/models/{model}": {
            "get": _operation("One of them.", ref("Model"), parameters=(_in_path("model"),))
        },
        "/v1/usage": {
            "get": _operation(
                "What was used and spent, by day, tenant and model; an admin sees everybody's.",
                object_(["tenant", "from", "to", "data"], data=list_(ref("Usage"))),
                parameters=(_day("from"), _day("to")),
            )
        },
        "/health": _open("The process lives.", "application/json", _STATUS),
        "/ready": _open("Whether to send it requests.", "application/json", _STATUS, "503"),
        "/openapi.json": _open("This description.", "application/json", ANY),
    },
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        },
    },
}
BODY = orjson.dumps(DESCRIPTION)
