"""Answers as OpenAI's API defines them, whole or as a stream of events."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.serve.engine import Piece


@dataclass(frozen=True, kw_only=True)
class Form:
    """In what the two kinds of answer differ."""

    prefix: str
    whole: str
    chunk: str
    message: Callable[[str], dict[str, Any]]
    delta: Callable[[str], dict[str, Any]]
    opening: dict[str, Any] | None


CHAT = Form(
    prefix="chatcmpl-",
    whole="chat.completion",
    chunk="chat.completion.chunk",
    message=lambda text: {"message": {"role": "assistant", "content": text, "refusal": None}},
    delta=lambda text: {"delta": {"content": text} if text else {}},
    opening={"delta": {"role": "assistant", "content": ""}},
)
COMPLETION = Form(
    prefix="cmpl-",
    whole="text_completion",
    chunk="text_completion",
    message=lambda text: {"text": text},
    delta=lambda text: {"text": text},
    opening=None,
)


class Answer:
    """One answer under way."""

    def __init__(self, form: Form, *, model: str, prompt_tokens: int) -> None:
        self._form = form
        self._head = {
            "id": form.prefix + uuid.uuid4().hex,
            "created": int(time.time()),
            "model": model,
        }
        self._prompt_tokens = prompt_tokens

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """The answer in one object."""
        message = self._form.message("".join(piece.text for piece in pieces))
        return {
            **self._head,
            "object": self._form.whole,
            "choices": [_choice(message, pieces[-1].finish)],
            "usage": self._usage(pieces[-1].tokens),
        }

    async def events(self, pieces: AsyncIterator[Piece], *, with_usage: bool) -> AsyncIterator[str]:
        """The answer as server-sent events."""
        if self._form.opening is not None:
            yield self._event([_choice(self._form.opening, None)], with_usage=with_usage)
        tokens = 0
        async for piece in pieces:
            tokens = piece.tokens
            if piece.text:
                choice = _choice(self._form.delta(piece.text), None)
                yield self._event([choice], with_usage=with_usage)
            if piece.finish:
                choice = _choice(self._form.delta(""), piece.finish)
                yield self._event([choice], with_usage=with_usage)
        if with_usage:
            yield self._event([], with_usage=True, usage=self._usage(tokens))
        yield "data: [DONE]\n\n"

    def _event(
        self,
        choices: list[dict[str, Any]],
        *,
        with_usage: bool,
        usage: dict[str, int] | None = None,
    ) -> str:
        chunk = {**self._head, "object": self._form.chunk, "choices": choices}
        if with_usage:
            chunk["usage"] = usage  # null but in the last chunk, as OpenAI sends it
        return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"

    def _usage(self, tokens: int) -> dict[str, int]:
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": self._prompt_tokens + tokens,
        }


def _choice(content: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, **content, "logprobs": None, "finish_reason": finish}
