"""What OpenAI's own client sees of the real server."""

import json
import urllib.error
import urllib.request

import openai
import pytest

ASK = [{"role": "user", "content": "Tell me"}]


def chat(client, **options):
    return client.chat.completions.create(model="micro", messages=ASK, **options)


def test_the_model_is_listed(client):
    assert [model.id for model in client.models.list()] == ["micro"]
    assert client.models.retrieve("micro").id == "micro"


def test_it_says_that_it_is_ready(server):
    with urllib.request.urlopen(server.removesuffix("/v1") + "/health") as answer:
        assert json.loads(answer.read()) == {"status": "ok"}


def test_a_chat_is_answered(client):
    answer = chat(client, max_tokens=8, temperature=0)

    [choice] = answer.choices
    assert answer.object == "chat.completion"
    assert answer.model == "micro"
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    # <|begin|>, "Tell", " me" and the line break of the template
    assert answer.usage.prompt_tokens == 4
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == 12


@pytest.mark.parametrize("temperature", [0, 1, 2])
def test_a_stream_gives_what_the_whole_answer_gives(client, temperature):
    options = {"max_completion_tokens": 25, "temperature": temperature, "seed": 7}
    whole = chat(client, **options)

    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}, **options))

    *content, last, usage = chunks
    text = "".join(chunk.choices[0].delta.content or "" for chunk in content)
    assert content[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert all(chunk.choices[0].finish_reason is None for chunk in content)
    assert last.choices[0].finish_reason == whole.choices[0].finish_reason
    assert text == whole.choices[0].message.content
    assert usage.choices == []
    assert usage.usage == whole.usage


def test_usage_is_streamed_only_when_asked_for(client):
    assert all(chunk.usage is None for chunk in chat(client, stream=True, max_tokens=3))


def test_a_text_is_completed_from_words_or_tokens(client):
    options = {"model": "micro", "max_tokens": 6, "temperature": 0}

    words = client.completions.create(prompt="Tell me", **options)
    stream = client.completions.create(prompt="Tell me", stream=True, **options)

    assert words.object == "text_completion"
    assert words.choices[0].text
    assert words.usage.prompt_tokens == 3
    assert "".join(chunk.choices[0].text for chunk in stream) == words.choices[0].text
    tokens = client.completions.create(prompt=[0, 5, 6], **options)
    assert tokens.usage.prompt_tokens == 3


def test_a_stop_string_ends_the_answer(client):
    text = chat(client, max_tokens=12, temperature=0).choices[0].message.content
    stop = text[4:6]

    answer = chat(client, max_tokens=12, temperature=0, stop=stop)

    assert answer.choices[0].message.content == text[: text.find(stop)]
    assert answer.choices[0].finish_reason == "stop"


def test_content_may_come_in_parts(client):
    parts = [{"type": "text", "text": "Tell"}, {"type": "text", "text": " me"}]

    answer = client.chat.completions.create(
        model="micro", messages=[{"role": "user", "content": parts}], max_tokens=1
    )

    assert answer.usage.prompt_tokens == 4


def test_no_more_is_given_than_the_context_holds(client):
    answer = chat(client, max_tokens=10_000, temperature=0, extra_body={"top_k": 5})

    assert answer.usage.total_tokens <= 32


@pytest.mark.parametrize(
    ("options", "parameter", "message"),
    [
        ({"temperature": 3}, "temperature", "temperature = 3: "),
        ({"top_p": 0}, "top_p", "top_p = 0: "),
        ({"max_tokens": 0}, "max_tokens", "max_tokens = 0: "),
        ({"seed": "x"}, "seed", "seed = 'x': "),
        ({"n": 2}, "n", "n = 2 is not supported by this server"),
        ({"logprobs": True}, "logprobs", "logprobs = True is not supported"),
        ({"presence_penalty": 1}, "presence_penalty", "presence_penalty = 1 is not supported"),
        ({"tools": [{"type": "function"}]}, "tools", "is not supported"),
        ({"messages": []}, "messages", "messages = []: "),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", "'robot'"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages", "no user message"),
        ({"messages": [{"content": "x"}]}, "messages.0.role", "messages.0.role is missing"),
    ],
)
def test_a_wrong_request_is_refused_in_a_sentence(client, options, parameter, message):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": "micro", "messages": ASK} | options)

    assert refused.value.type == "invalid_request_error"
    assert refused.value.param == parameter
    assert message in refused.value.body["message"]


def test_a_prompt_longer_than_the_context_is_refused(client):
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model="micro", prompt="fox " * 100)

    assert refused.value.code == "context_length_exceeded"
    assert "this model takes 1 to 31" in refused.value.body["message"]


def test_tokens_the_model_does_not_have_are_refused(client):
    with pytest.raises(openai.BadRequestError, match="the model has the tokens 0 to 399"):
        client.completions.create(model="micro", prompt=[400])


def test_another_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-4", messages=ASK)

    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat/completions", b"", 400),
        ("/chat/completions", b"{", 400),
        ("/chat/completions", b"[]", 400),
        ("/chat/completions", b'{"model": "\xff"}', 400),
        ("/nowhere", b"{}", 404),
        ("/models", b"{}", 405),
    ],
)
def test_what_is_no_request_gets_the_same_envelope(server, path, body, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(server + path, data=body, method="POST"))

    assert refused.value.code == status
    error = json.loads(refused.value.read())["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
