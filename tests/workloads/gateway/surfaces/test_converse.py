"""Bedrock's own form, written again."""

from workloads.gateway.event_stream import Decoder
from workloads.gateway.surfaces.converse import FrameWriter

DELTA = {"contentBlockIndex": 0, "delta": {"text": "x"}}


def kinds(data: bytes) -> list[str]:
    return [headers[":event-type"] for headers, payloads in Decoder().feed(data) for _ in payloads]


def test_the_metadata_is_the_end_which_comes_once_it_is_written_down_what_the_answer_costs():
    writer = FrameWriter()
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", DELTA),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": 1}}),
    ]

    sent = [kinds(writer.write(*event)) for event in events]

    assert sent == [
        [],
        ["messageStart", "contentBlockDelta"],
        ["contentBlockStop"],
        ["messageStop"],
        [],
    ]
    assert kinds(writer.finish()) == ["metadata"]
