"""Models behind guardrails: one gateway process, and what its clients ask and read."""

import openai
import pytest

from tests.waiting import PATIENCE
from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.everywhere import BACKENDS, NOVA, parts
from tests.workloads.gateway.fakes import openai_completion, openai_stream

OWN = ["own", "endpoint"]
TITAN = "amazon.titan-embed-text-v2:0"
ASYNC, STRICT = "sk-async", "sk-strict"


@pytest.fixture(scope="module")
def guarded(start_gateway, services):
    """A gateway with a guardrail for everybody, and tenants with one of their own."""
    tenants = {
        "everybody": (KEY, ""),
        "async": (ASYNC, '{ id = "gr-async", version = "1", stream_mode = "async" }'),
        "strict": (
            STRICT,
            '{ id = "arn:aws:bedrock:us-east-2:111122223333:guardrail/gr-s", version = "DRAFT" }',
        ),
    }
    rows = "".join(
        f'[[tenants]]\nname = "{name}"\nkey_sha256 = "{sha256(key)}"\n'
        + (f"guardrail = {guardrail}\n" if guardrail else "")
        for name, (key, guardrail) in tenants.items()
    )
    return start_gateway(
        f"""
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        price = {{ input = 1, output = 2 }}
        [[models]]
        name = "endpoint"
        sagemaker = "tiny-llama"
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        [[models]]
        name = "titan"
        bedrock = "{TITAN}"
        [guardrail]
        id = "gr-1"
        version = "3"
        {rows}"""
    )


@pytest.fixture(scope="module")
def client(guarded):
    url = f"{guarded.url}/v1"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def async_client(client):
    return client.with_options(api_key=ASYNC)


def ask(client, model, text="Hello?", **more):
    question = [{"role": "system", "content": "forbidden is fine here"}]
    question += [{"role": "user", "content": text}]
    return client.chat.completions.create(model=model, messages=question, **more)


def say(services, text: str) -> None:
    for model in OWN:
        services.answer(BACKENDS[model], body=openai_completion(text))


def stream(services, *texts: str) -> None:
    services.answer("own", *openai_stream(texts))
    services.answer("tiny-llama", *parts(openai_stream(texts)))


def told(chunks) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    """The texts, the finish reasons and the usage of a stream."""
    chunks = list(chunks)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    texts = [choice.delta.content for choice in choices if choice.delta.content]
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
    counted = [(c.usage.prompt_tokens, c.usage.completion_tokens) for c in chunks if c.usage]
    return texts, reasons, counted


def checked(services, guardrail="gr-1") -> list[tuple[str, list[str]]]:
    """What the guardrail was asked: the source, and the texts."""
    return [
        (
            r.body["source"],
            [block["text"]["text"] for block in r.body["content"] if "text" in block],
        )
        for r in services.received.get(f"guardrail {guardrail}", [])
    ]
