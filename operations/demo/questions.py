"""One question through the gateway, as an application asks it, with its tokens and its cost."""

import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import openai

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A streamed answer and what it took; cost in USD, as the gateway accounted for it."""

    model: str
    backend: str
    question: str
    text: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds_to_first_token: float
    seconds: float


def ask(
    *,
    gateway: str,
    key: str,
    model: str,
    backend: str,
    question: str,
    max_tokens: int,
    on_text: Callable[[str], None],
) -> Answer:
    """Stream one chat completion through the `openai` client; `on_text` gets each piece.

    Raises RuntimeError when another model answers, or the stream carries no text or no usage.
    """
    client = openai.OpenAI(
        base_url=f"{gateway}/v1", api_key=key, timeout=TIMEOUT_SECONDS, max_retries=0
    )
    spent = _cost(gateway, model)
    started = time.monotonic()
    first_token, pieces, usage = None, [], None
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        max_tokens=max_tokens,
        temperature=0.0,
        stream=True,
        stream_options={"include_usage": True},
    )
    answered = stream.response.headers["x-gateway-model"]
    if answered != model:
        raise RuntimeError(f"model {model!r} was asked, and its fallback {answered!r} answered")
    for chunk in stream:
        if chunk.choices and (piece := chunk.choices[0].delta.content):
            first_token = first_token or time.monotonic()
            pieces.append(piece)
            on_text(piece)
        usage = chunk.usage or usage
    if first_token is None or usage is None:
        raise RuntimeError(f"model {model!r} answered without text or without usage")
    return Answer(
        model=model,
        backend=backend,
        question=question,
        text="".join(pieces),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=_cost(gateway, model) - spent,
        seconds_to_first_token=first_token - started,
        seconds=time.monotonic() - started,
    )


def vocabulary(text: str) -> frozenset[str]:
    """The distinct words of a text, lower case."""
    return frozenset(re.findall(r"\w+", text.lower()))


def familiarity(answer: str, known: frozenset[str]) -> float:
    """Share of the answer's words that occur in the training text, 0 to 1."""
    words = re.findall(r"\w+", answer.lower())
    return sum(word in known for word in words) / max(len(words), 1)


def _cost(gateway: str, model: str) -> float:
    """USD the gateway has charged for a model so far, from its Prometheus metrics."""
    with urllib.request.urlopen(f"{gateway}/metrics", timeout=TIMEOUT_SECONDS) as response:
        text = response.read().decode()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("gateway_cost_usd_total{") and f'model="{model}"' in line
    )
