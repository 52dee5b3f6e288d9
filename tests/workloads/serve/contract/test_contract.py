"""What clients, the gateway, probes and autoscalers rely on, of every server of ours."""

import json
import re
import threading
import urllib.error
import urllib.request

import openai
import pytest

from tests.waiting import PATIENCE
from tests.workloads.serve.contract.conftest import CONTEXT
from workloads.deploy.pods.drain import drain, under_way

ASK = [{"role": "user", "content": "Tell me"}]


@pytest.fixture
def chat(client, served):
    def ask(**options):
        return client.chat.completions.create(
            **{"model": served.model, "messages": ASK, "temperature": 0} | options
        )

    return ask


def test_it_says_that_it_is_ready(served):
    with urllib.request.urlopen(f"{served.url}/health") as answer:
        assert answer.status == 200


def test_its_model_is_listed_with_its_context(client, served):
    [model] = client.models.list()

    assert model.id == served.model
    assert model.max_model_len == CONTEXT


def test_a_chat_is_answered(chat, served):
    answer = chat(max_tokens=8)

    [choice] = answer.choices
    assert answer.object == "chat.completion"
    assert answer.model == served.model
    assert answer.id.startswith("chatcmpl-")
    assert choice.index == 0
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_the_template_decides_what_the_model_reads(chat):
    """<|begin|>, "Tell", " me" and the line break of the template that export writes."""
    assert chat(max_tokens=1).usage.prompt_tokens == 4
    several = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes"}, *ASK]
    assert chat(max_tokens=1, messages=several).usage.prompt_tokens == 4


@pytest.mark.parametrize("options", [{}, {"temperature": 1, "seed": 7}])
def test_a_stream_gives_what_the_whole_answer_gives(chat, options):
    whole = chat(max_completion_tokens=20, **options)

    chunks = list(
        chat(
            max_completion_tokens=20, stream=True, stream_options={"include_usage": True}, **options
        )
    )

    *content, usage = chunks
    choices = [chunk.choices[0] for chunk in content]
    assert choices[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for choice in choices) == (
        whole.choices[0].message.content
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
    assert reasons == [whole.choices[0].finish_reason]
    assert usage.choices == []
    assert usage.usage.completion_tokens == whole.usage.completion_tokens
    assert usage.usage.prompt_tokens == whole.usage.prompt_tokens


def test_usage_is_streamed_only_when_asked_for(chat):
    assert all(chunk.usage is None for chunk in chat(stream=True, max_tokens=3))


def test_the_same_question_gets_the_same_answer(chat):
    first, second = (chat(max_tokens=12).choices[0].message.content for _ in range(2))

    assert first == second


def test_a_text_is_completed_from_words_or_tokens(client, served):
    options = {"model": served.model, "max_tokens": 6, "temperature": 0}

    words = client.completions.create(prompt="Tell me", **options)
    stream = client.completions.create(prompt="Tell me", stream=True, **options)

    assert words.object == "text_completion"
    assert words.choices[0].text
    assert "".join(chunk.choices[0].text for chunk in stream) == words.choices[0].text
    tokens = client.completions.create(prompt=[0, 5, 6], **options)
    assert tokens.usage.prompt_tokens == 3


def test_a_stop_string_ends_the_answer(chat):
    text = chat(max_tokens=12).choices[0].message.content
    stop = text[4:6]

    answer = chat(max_tokens=12, stop=stop)

    assert answer.choices[0].message.content == text[: text.find(stop)]
    assert answer.choices[0].finish_reason == "stop"


def test_content_may_come_in_parts(chat):
    parts = [{"type": "text", "text": "Tell"}, {"type": "text", "text": " me"}]

    assert chat(messages=[{"role": "user", "content": parts}], max_tokens=1).choices


def test_an_answer_ends_with_the_context(chat):
    answer = chat(extra_body={"top_k": 5})

    assert answer.usage.total_tokens <= CONTEXT


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 2},
        {"max_tokens": 0},
        {"seed": "x"},
        {"messages": "Tell me"},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "system", "content": "x"}]},
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(chat, options):
    with pytest.raises(openai.BadRequestError) as refused:
        chat(**options)

    assert refused.value.body["message"]


def test_a_prompt_longer_than_the_context_is_refused(client, served):
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=served.model, prompt="fox " * 100, max_tokens=1)

    assert (
        str(CONTEXT) in refused.value.body["message"]
        or str(CONTEXT - 1) in (refused.value.body["message"])
    )


def test_another_model_is_not_found(chat):
    with pytest.raises(openai.NotFoundError) as refused:
        chat(model="gpt-4")

    assert "gpt-4" in refused.value.body["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_what_is_no_request_is_refused(served, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(
        f"{served.url}/v1/chat/completions", data=body, headers=headers, method="POST"
    )

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)

    assert refused.value.code == 400
    assert json.loads(refused.value.read())["error"]["message"]


def test_many_at_once_are_all_answered(chat):
    alone = chat(max_tokens=10).choices[0].message.content
    answers: list[str] = []

    def ask() -> None:
        answers.append(chat(max_tokens=10).choices[0].message.content)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [alone] * 6


def test_a_client_that_leaves_is_forgotten(chat, served):
    stream = chat(stream=True, max_tokens=25)
    next(iter(stream))
    stream.close()

    assert drain(f"{served.url}/metrics", 0, PATIENCE)
    assert chat(max_tokens=1).choices


def metrics(served) -> str:
    with urllib.request.urlopen(f"{served.url}/metrics") as answer:
        return answer.read().decode()


def test_its_queue_is_what_the_autoscaler_asks_for(served):
    """The series of the rendered ScaledObject, chosen by the model's name."""
    text = metrics(served)

    assert re.search(
        rf'^vllm:num_requests_waiting\{{[^}}]*model_name="{served.model}"[^}}]*\}} 0(\.0)?$',
        text,
        re.MULTILINE,
    )
    assert under_way(text) == 0


def test_it_is_drained_once_it_is_idle(served):
    assert drain(f"{served.url}/metrics", 0, PATIENCE)
