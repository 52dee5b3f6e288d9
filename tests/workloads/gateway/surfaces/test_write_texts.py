"""Texts that are written at once read as if each had been written alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.gateway.call import Writer
from workloads.gateway.surfaces.chat_response import ChoiceWriter, ChunkWriter
from workloads.gateway.surfaces.converse import FrameWriter
from workloads.gateway.surfaces.messages_response import EventWriter
from workloads.gateway.surfaces.responses_response import ResponseWriter

CHUNKS = {"id": "chatcmpl-1", "created": 1, "model": "nova"}
WRITERS = {
    "chat": lambda: ChunkWriter(**CHUNKS, include_usage=False),
    "chat with usage": lambda: ChunkWriter(**CHUNKS, include_usage=True),
    "one of several choices": lambda: ChoiceWriter(**CHUNKS, include_usage=False, index=2),
    "messages": lambda: EventWriter(id="msg_1", model="nova"),
    "responses": lambda: ResponseWriter({"id": "resp_1"}),
    "converse": FrameWriter,
}
# What could be taken for the space between two of them, and what breaks lines.
TRICKS = st.sampled_from(
    ['",\n  "', '"', "\\", ",\n  ", "]", "\n\ndata: x", "\u2028", "\x85", "é🙂"]
)
TEXTS = st.lists(st.text() | TRICKS, min_size=1, max_size=6)


@pytest.mark.parametrize("new", WRITERS.values(), ids=WRITERS)
@given(batches=st.lists(TEXTS, min_size=1, max_size=3), blocks=st.booleans())
def test_at_once_or_one_by_one(new, batches, blocks):
    at_once: Writer = new()
    alone: Writer = new()
    for texts in batches:
        events = [
            {"contentBlockIndex": index if blocks else 0, "delta": {"text": text}}
            for index, text in enumerate(texts)
        ]
        expected = b"".join(alone.write("contentBlockDelta", event) for event in events)

        assert at_once.write_texts(events, texts) == expected
    assert at_once.finish() == alone.finish()
