"""`/v1/embeddings`, OpenAI's form."""

import struct
from base64 import b64encode
from typing import Any

import orjson

from workloads.gateway.caller import Caller
from workloads.gateway.errors import bad_request
from workloads.gateway.usage import Usage

Json = dict[str, Any]

MAX_INPUTS = 2048  # OpenAI's own limit


class EmbeddingCall:
    """Texts to be embedded. Raises ApiError 400."""

    def __init__(self, body: Json) -> None:
        if not isinstance(body.get("model"), str):
            raise bad_request("model is missing", "model")
        form = body.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise bad_request("encoding_format must be float or base64", "encoding_format")
        given = body.get("input")
        if not isinstance(given, str | list) or not 0 < len(given) <= (
            len(given) if isinstance(given, str) else MAX_INPUTS
        ):
            raise bad_request(f"input must be a text, or a list of 1 to {MAX_INPUTS}", "input")
        self.model: str = body["model"]
        self.body = body
        self.caller: Caller | None = None
        self.usage: Usage | None = None
        self._base64 = form == "base64"

    @property
    def texts(self) -> list[str]:
        """The texts, for models that take nothing else. Raises ApiError 400."""
        given = self.body["input"]
        texts = [given] if isinstance(given, str) else given
        for number, text in enumerate(texts):
            if not isinstance(text, str) or not text:
                raise bad_request(
                    f"input[{number}] is no text, and this model embeds nothing else", "input"
                )
        return list(texts)

    def answer(self, model: str, vectors: list[list[float]]) -> bytes:
        """The list of embeddings, one for each text in its order, after `usage` was set."""
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        tokens = self.usage.input if self.usage else 0
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return self.encoded({"object": "list", "data": data, "model": model, "usage": usage})

    def encoded(self, answer: Any) -> bytes:
        """A list of embeddings with its vectors as the client wants them.

        A server may have ignored that it was asked for base64. Raises KeyError, TypeError or
        struct.error where `answer` is no such list.
        """
        for item in answer["data"]:
            vector = item["embedding"]
            if self._base64 and not isinstance(vector, str):
                packed = struct.pack(f"<{len(vector)}f", *vector)
                item["embedding"] = b64encode(packed).decode()
        return orjson.dumps(answer)
