"""What is our server's own, beyond the contract: its sentences, and every temperature."""

import json
import urllib.error
import urllib.request

import openai
import pytest

ASK = [{"role": "user", "content": "Tell me"}]


def chat(client, **options):
    return client.chat.completions.create(model="micro", messages=ASK, **options)


def test_one_model_is_described_by_its_name(client):
    """vLLM has no such route."""
    assert client.models.retrieve("micro").id == "micro"


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
