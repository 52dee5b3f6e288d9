"""The one question that a served model must answer, whoever carries it."""

import json
from typing import Any

from workloads.command import StageError

TOKENS = 16


def question() -> dict[str, Any]:
    """A chat request in OpenAI's form."""
    return {
        "messages": [{"role": "user", "content": "Tell me a story."}],
        "max_tokens": TOKENS,
        "temperature": 0,
    }


def answer_of(body: bytes) -> str:
    """The text of a chat completion. StageError: it is none, or is empty."""
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, TypeError, IndexError):
        text = None
    if not (isinstance(text, str) and text.strip()):
        raise StageError(f"the answer is no chat completion with a text: {body[:200]!r}")
    return text
