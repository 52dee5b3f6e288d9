"""The decoder against botocore's EventStreamBuffer, the oracle."""

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.gateway.fakes import frame
from workloads.gateway.event_stream import (
    Decoder,
    EventStreamError,
    Frames,
    parse_headers,
)

Event = tuple[dict[str, str], bytes]  # headers and payload of one frame

TEXT = st.text(max_size=20)
FRAMES = st.builds(
    frame,
    st.dictionaries(st.text("abc:-", min_size=1, max_size=12), TEXT, max_size=4),
    st.binary(max_size=200),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def one_by_one(frames: Iterable[Frames]) -> Iterator[Event]:
    return ((headers, payload) for headers, payloads in frames for payload in payloads)


def decoded_by_botocore(data: bytes) -> list[Event]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


@given(st.lists(FRAMES, max_size=5), st.lists(st.integers(0, 5000), max_size=12))
@settings(max_examples=150, deadline=None)
def test_frames_cut_anywhere_decode_as_botocore_decodes_them(frames, cuts):
    data = b"".join(frames)
    decoder = Decoder()

    events = [event for piece in pieces(data, cuts) for event in one_by_one(decoder.feed(piece))]

    assert events == decoded_by_botocore(data)
    assert decoder.pending == 0


@given(FRAMES, FRAMES, st.integers(0), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_never_passes_for_an_event(first, second, place, change):
    data = bytearray(first + second)
    place = len(first) + place % len(second)
    data[place] ^= change
    decoder = Decoder()
    events = []

    with pytest.raises(EventStreamError):
        events.extend(one_by_one(decoder.feed(bytes(first))))
        for event in one_by_one(decoder.feed(bytes(data[len(first) :]))):
            events.append(event)
        assert decoder.pending, "neither an event, nor an error, nor waiting"
        raise EventStreamError

    assert events == decoded_by_botocore(first)


@pytest.mark.parametrize("place", range(12))
def test_a_corrupted_prelude_is_noticed_at_once_and_not_waited_for(place):
    data = bytearray(frame({"a": "b"}, b"payload"))
    data[place] ^= 1

    with pytest.raises(EventStreamError):
        list(Decoder().feed(bytes(data[:12])))


def test_what_comes_before_a_corrupted_frame_is_still_delivered():
    good, bad = frame({"a": "b"}, b"good"), bytearray(frame({"a": "b"}, b"bad"))
    bad[-1] ^= 1

    events = one_by_one(Decoder().feed(good + bytes(bad)))

    assert next(events)[1] == b"good"
    with pytest.raises(EventStreamError, match="checksum"):
        next(events)


@pytest.mark.parametrize(
    ("total", "headers"),
    [(15, 0), (12, 0), (0, 0), (100, 200), (200_000, 140_000), (25 * 1024 * 1024 + 17, 0)],
)
def test_impossible_lengths_are_refused_before_the_frame_is_waited_for(total, headers):
    prelude = struct.pack(">II", total, headers)

    with pytest.raises(EventStreamError, match="lengths"):
        list(Decoder().feed(prelude + struct.pack(">I", crc32(prelude))))


def test_headers_of_other_types_are_passed_over():
    values = [b"\0", b"\1", b"\2x", b"\3xx", b"\4xxxx", b"\5" + b"x" * 8, b"\6\0\3raw"]
    values += [b"\x08" + b"x" * 8, b"\x09" + b"x" * 16, b"\7\0\4text"]
    block = b"".join(b"\1" + bytes([97 + n]) + value for n, value in enumerate(values))

    assert parse_headers(block) == {chr(96 + len(values)): "text"}


@pytest.mark.parametrize("block", [b"\5ab", b"\1a\7\0\x09x", b"\1a\x0a", b"\1\xff\0", b"\1a\7\0"])
def test_malformed_headers_are_refused(block):
    with pytest.raises(EventStreamError):
        parse_headers(block)
