"""Anthropic's request in Converse's form: what its newest clients may write."""

import anthropic
import pytest

from tests.workloads.gateway.fakes import converse_answer, openai_completion
from workloads.gateway.errors import ApiError
from workloads.gateway.surfaces.messages_request import converse_request

USER = {"role": "user", "content": "Hi"}
POINT = {"cachePoint": {"type": "default"}}


def test_a_cache_mark_of_the_whole_request_is_one_at_its_end():
    marked = {"cache_control": {"type": "ephemeral"}}
    text = {"type": "text", "text": "Hi", **marked}

    plain = converse_request({"messages": [USER], **marked})
    twice = converse_request({"messages": [{"role": "user", "content": [text]}], **marked})

    for request in (plain, twice):
        assert request["messages"] == [{"role": "user", "content": [{"text": "Hi"}, POINT]}]


def test_the_system_may_speak_later(claude, services):
    services.answer("amazon.nova-lite-v1:0", body=converse_answer({"text": "ok"}))
    services.answer("own", body=openai_completion("ok"))
    messages = [USER, {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}]

    for model in ("nova", "own"):
        claude.messages.create(model=model, max_tokens=5, messages=[*messages, USER])

    bedrock = services.received["amazon.nova-lite-v1:0"][0].body["messages"]
    assert bedrock[2] == {"role": "system", "content": [{"text": "s"}]}
    assert services.received["own"][0].body["messages"][2] == {"role": "system", "content": "s"}


@pytest.mark.parametrize("field", ["container", "mcp_servers"])
def test_what_anthropic_runs_itself_is_refused(field):
    with pytest.raises(ApiError, match="runs itself"):
        converse_request({"messages": [USER], field: ["x"]})


def test_lists_fail_in_the_clients_own_form(claude):
    for ask in (lambda: claude.models.retrieve("nobody"), claude.messages.batches.list):
        with pytest.raises(anthropic.NotFoundError) as caught:
            ask()
        assert caught.value.body["error"]["type"] == "not_found_error"
