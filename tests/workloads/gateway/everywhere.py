"""The same answers from every kind of backend: Bedrock, an own server, a SageMaker endpoint."""

import os
from collections.abc import Iterable

import openai
import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.workloads.gateway.fakes import (
    Answer,
    FakeServices,
    Received,
    converse_answer,
    converse_stream,
    event,
    openai_chunk,
    openai_completion,
    openai_stream,
    sse,
    usage,
)

NOVA = "amazon.nova-lite-v1:0"  # how the fake knows the model that clients call "nova"
PROFILE = "arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.claude-v1:0"
MODELS = ["nova", "own", "endpoint"]


def fuzz(examples: int) -> settings:
    """The same examples every time; others, and as many as it says, with FUZZ_EXAMPLES."""
    asked = os.environ.get("FUZZ_EXAMPLES")
    return settings(
        max_examples=int(asked or examples),
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=asked is None,
        suppress_health_check=list(HealthCheck),
    )


BACKENDS = {"nova": NOVA, "own": "own", "endpoint": "tiny-llama"}
QUESTION = "Wie heißt der Fuchs? 🦊"
ASKED = [{"role": "user", "content": QUESTION}]
TEXTS = ["Der Fuchs ", "heißt „Renate“.\n", "🦊\u2028"]
USE = {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Köln"}}
CALL = {
    "id": "t1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Köln"}'},
}
ARGUMENTS = ['{"city":', ' "Köln"}']  # the same, in pieces


def parts(events: Iterable[bytes], size: int = 50) -> list[bytes]:
    """Payload parts of `size` bytes: events, lines and letters are split over frames."""
    data = b"".join(events)
    return [event("PayloadPart", data[i : i + size]) for i in range(0, len(data), size)]


def answer_everywhere(services: FakeServices, texts: Iterable[str] = TEXTS) -> None:
    """Every backend says `texts`, for 4 and 3 tokens."""
    text = "".join(texts)
    services.answer(NOVA, body=converse_answer({"text": text}, tokens=usage(4, 3)))
    services.answer("own", body=openai_completion(text))
    services.answer("tiny-llama", body=openai_completion(text, "tiny"))


def stream_everywhere(services: FakeServices, texts: Iterable[str] = TEXTS) -> None:
    """Every backend streams `texts`, one by one."""
    services.answer(NOVA, *converse_stream(texts, usage(4, 3)))
    services.answer("own", *openai_stream(texts))
    services.answer("tiny-llama", *parts(openai_stream(texts, "tiny"), 7))


def call_tools_everywhere(services: FakeServices, *, stream: bool) -> None:
    """Every backend calls the tool; in a stream it thinks and speaks before."""
    if stream:
        services.answer(NOVA, *_converse_tools())
        chunks = _openai_tools()
        services.answer("own", *chunks)
        services.answer("tiny-llama", *parts(chunks))
        return
    answer = converse_answer({"toolUse": USE}, stop="tool_use", tokens=usage(4, 3))
    services.answer(NOVA, body=answer)
    for who in ("own", "tiny-llama"):
        completion = openai_completion("", who)
        [choice] = completion["choices"]
        choice |= {"finish_reason": "tool_calls"}
        choice["message"] |= {"content": None, "tool_calls": [CALL]}
        services.answer(who, body=completion)


def _converse_tools() -> list[bytes]:
    def delta(block: int, delta: dict) -> bytes:
        return event("contentBlockDelta", {"contentBlockIndex": block, "delta": delta})

    start = {"toolUse": {"toolUseId": "t1", "name": "get_weather"}}
    return [
        event("messageStart", {"role": "assistant"}),
        delta(0, {"reasoningContent": {"text": "Weather"}}),
        delta(0, {"reasoningContent": {"signature": "c2ln"}}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        delta(1, {"text": "Hm."}),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        event("contentBlockStart", {"contentBlockIndex": 2, "start": start}),
        *(delta(2, {"toolUse": {"input": piece}}) for piece in ARGUMENTS),
        event("contentBlockStop", {"contentBlockIndex": 2}),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": usage(4, 3), "metrics": {"latencyMs": 1}}),
    ]


def _openai_tools() -> list[bytes]:
    begun = {"index": 0, **CALL, "function": {"name": "get_weather", "arguments": ""}}
    return sse(
        openai_chunk({"role": "assistant", "content": ""}),
        openai_chunk({"reasoning_content": "Weather"}),
        openai_chunk({"content": "Hm."}),
        openai_chunk({"tool_calls": [begun]}),
        *(
            openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in ARGUMENTS
        ),
        {**openai_chunk({}), "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        openai_chunk(None, usage={"prompt_tokens": 4, "completion_tokens": 3}),
        "[DONE]",
    )


def openai_embeddings(vectors: list[list[float]], model: str = "own") -> dict:
    """What an own server answers for that many texts."""
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    tokens = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": model, "usage": tokens}


def turn(*blocks: dict, role: str = "user") -> dict:
    return {"role": role, "content": list(blocks)}


def stream_error(client: openai.OpenAI, model: str) -> tuple[str, openai.APIError]:
    """The text that came before the error, and the error inside the stream."""
    text = ""
    stream = client.chat.completions.create(model=model, messages=ASKED, stream=True)
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert not isinstance(caught.value, openai.APIStatusError)
    return text, caught.value


def answer_anything(services: FakeServices) -> None:
    """Every backend answers every request, whatever it is."""

    def by_nova(received: Received) -> Answer:
        counted = {"inputTokens": 4, **converse_answer({"text": "x"})}
        if received.path.endswith("converse-stream"):
            return Answer(steps=converse_stream(["x", "y"]))
        return Answer(body=counted)

    def by_own(received: Received) -> Answer:
        if received.path.endswith("embeddings"):
            return Answer(body=openai_embeddings([[0.5]]))
        if received.body.get("stream"):
            return Answer(steps=openai_stream(["x", "y"]))
        return Answer(body={"count": 4, **openai_completion("x")})

    def by_endpoint(received: Received) -> Answer:
        if received.path.endswith("response-stream"):
            return Answer(steps=parts(openai_stream(["x", "y"])))
        # One path for both; a request of any kind may look like either.
        return Answer(body={**openai_embeddings([[0.5]]), **openai_completion("x")})

    services.answers |= {NOVA: by_nova, "own": by_own, "tiny-llama": by_endpoint}
