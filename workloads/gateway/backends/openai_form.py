"""What servers with OpenAI's API are sent and how their answers are read, wherever they run."""

import struct
from typing import Any

import orjson

from workloads.gateway.backends.openai_request import chat_request
from workloads.gateway.backends.openai_response import Rewriter, converse_answer
from workloads.gateway.backends.sse import EventReader, Relay
from workloads.gateway.call import Call, Json
from workloads.gateway.encoding import encoded
from workloads.gateway.errors import bad_request, unavailable
from workloads.gateway.surfaces.embeddings import EmbeddingCall
from workloads.gateway.usage import Usage

HEADERS = {"content-type": "application/json"}


def chat_body(call: Call) -> Json:
    """The request in OpenAI's form. Raises ApiError 400."""
    if call.chat is not None:
        return call.chat
    try:
        return chat_request(call.converse_request())
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise bad_request(f"the request is none of Converse's: {error!r}") from error


def request_body(call: Call, model: str | None) -> bytes:
    """The request for the server's `model`; a stream is always asked for its usage."""
    chat = chat_body(call)
    body: dict[str, Any] = {**chat, "model": model, "stream": call.stream}
    if model is None:
        del body["model"]
    if call.stream:
        body["stream_options"] = {**(chat.get("stream_options") or {}), "include_usage": True}
    else:
        body.pop("stream_options", None)
    return encoded(body)


def read_answer(call: Call, name: str, model: str, answer: bytes) -> bytes:
    """The server's answer in the client's form, unchanged where that is OpenAI's; sets the usage.

    Raises ApiError if it is no completion.
    """
    try:
        completion = orjson.loads(answer)
        completion["choices"]
        call.usage = Usage.from_openai(completion.get("usage"))
        if call.relayed:
            return answer
        return call.answer(model, converse_answer(completion))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise unavailable(f"{name} sent an answer of unknown form", status=502) from error


def event_reader(call: Call, name: str, model: str) -> EventReader:
    """For the stream of the server that clients know as `name`."""
    return Relay(call, name) if call.relayed else Rewriter(call, name, model)


def embedding_body(call: EmbeddingCall, model: str | None) -> bytes:
    """The request for the embeddings of the server's `model`."""
    body = {**call.body, "model": model}
    if model is None:
        del body["model"]
    return encoded(body)


def read_embeddings(call: EmbeddingCall, name: str, answer: bytes) -> bytes:
    """The server's answer; sets the usage. Raises ApiError if it has no embeddings."""
    try:
        embeddings = orjson.loads(answer)
        call.usage = Usage.from_openai(embeddings.get("usage"))
        return call.encoded(embeddings)
    except (ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise unavailable(f"{name} sent an answer of unknown form", status=502) from error
