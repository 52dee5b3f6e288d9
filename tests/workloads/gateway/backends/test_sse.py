import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.gateway.fakes import openai_chunk, openai_stream, sse
from workloads.gateway.backends.sse import Relay
from workloads.gateway.errors import ApiError
from workloads.gateway.surfaces.chat import ChatCall
from workloads.gateway.usage import Usage


def relay(include_usage: bool = False) -> tuple[Relay, ChatCall]:
    options = {"include_usage": include_usage}
    call = ChatCall({"model": "own", "messages": [{}], "stream_options": options})
    return Relay(call, "the server"), call


TEXTS = ["Once ", 'a "usage" of', ' {"error": [DONE]}', " \u2028 fox 🦊\n\n"]


@given(
    st.lists(st.integers(0, 3000), max_size=15),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_stream_cut_anywhere_is_relayed_the_same(cuts, newline, include_usage):
    events = openai_stream(TEXTS)
    sent = b"".join(events).replace(b"\n", newline)
    places = sorted({0, len(sent), *(cut % len(sent) for cut in cuts)})
    receiver, chat = relay(include_usage)

    got = b"".join(receiver.feed(sent[a:b]) for a, b in pairwise(places))

    kept = events[: -1 if include_usage else -2]
    assert got == b"".join(kept)
    assert receiver.done
    assert chat.usage == Usage(4, 3)
    receiver.finish()


def test_chunks_pass_unchanged():
    receiver, _ = relay()
    event = b'data:{"choices":[ {"delta":{"content":"x"}, "more":1e2}],"of":null }\n\n'

    assert receiver.feed(event) == event


def test_usage_beside_content_is_kept_for_both():
    receiver, chat = relay()
    [event] = sse(
        openai_chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 1})
    )

    assert receiver.feed(event) == event
    assert chat.usage == Usage(1, 1)


def test_comments_are_not_relayed():
    receiver, _ = relay()

    assert receiver.feed(b": PROCESSING\n\n") == b""


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "out of memory", "code": 500}},
        {"object": "error", "message": "out of memory", "code": 500},
    ],
)
def test_an_error_event_ends_the_relay_after_what_came_before(event):
    receiver, _ = relay()
    before, error, after = sse(openai_chunk({"content": "x"}), event, openai_chunk({}))

    assert receiver.feed(before + error + after) == before
    assert receiver.failure.status == 502
    assert "out of memory" in receiver.failure.message


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error"\n\n',
        b'data: ["error"]\n\n',
        b'data: {"choices": [], "bro\n\n',
        b'data: {"choices": 5}\n\n',
        b'data: {"model": "own"}\n\n',
        b"data: [1]\n\n",
        b"data: \xff\n\n",
    ],
)
def test_what_is_no_chunk_is_a_failure(data):
    receiver, _ = relay()

    assert receiver.feed(data) == b""
    assert receiver.failure.status == 502


def test_a_stream_without_done_is_broken_off():
    receiver, _ = relay()
    receiver.feed(sse(openai_chunk({"content": "x"}))[0])

    with pytest.raises(ApiError, match="broke off"):
        receiver.finish()


def test_done_counts_without_its_blank_line_and_ends_everything():
    receiver, _ = relay()
    receiver.feed(b"data: [DONE]")
    receiver.finish()

    receiver, _ = relay()
    assert receiver.feed(b"data: [DONE]\n\n" + json.dumps({}).encode()) == b""
    assert receiver.feed(b"data: {}\n\n") == b""
