"""`application/vnd.amazon.eventstream`, the framing of streamed AWS answers, read and written.

A frame is: total length (4 bytes, big-endian, itself included), length of the headers (4),
CRC-32 of these eight bytes (4), the headers, the payload, CRC-32 of everything before (4).
The tests hold it against botocore's EventStreamBuffer.
"""

from collections.abc import Iterator
from struct import Struct

from isal.isal_zlib import crc32

# The format's limits, as in the AWS SDKs; what exceeds them is not a frame.
MAX_HEADERS = 128 * 1024
MAX_PAYLOAD = 24 * 1024 * 1024

_LENGTHS = Struct(">II")
_UINT32 = Struct(">I")
_TAIL = Struct(">III")
_UINT16 = Struct(">H")
_OVERHEAD = 16  # prelude and trailing checksum
# All streams repeat the same few header blocks; parsed once, up to this many different ones.
_KEPT_HEADERS = 256
# Size of a value by its type; text and bytes (6, 7) say their length in two bytes instead.
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class EventStreamError(ValueError):
    """Bytes that are not an event stream, or a corrupted one."""


# Frames that follow each other and have the same text headers, such as `:event-type`: these, and
# the payload of each.
Frames = tuple[dict[str, str], list[bytes]]

_headers: dict[bytes, dict[str, str]] = {}


class Decoder:
    """Turns chunks of a byte stream into frames; one may span chunks and share them."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> int:
        """Bytes of a frame whose rest has not arrived."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frames]:
        """The frames completed by `data`, to be taken one and all.

        Raises EventStreamError, after the frames before the corrupted one.
        """
        buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        total, size = _LENGTHS.unpack_from(buffer) if end >= 12 else (0, 0)
        known, wrong = b"", ""
        headers: dict[str, str] = {}
        payloads: list[bytes] = []
        while end - start >= 12:
            stop, tail = start + total, start + total - 4
            if stop > end or total < _OVERHEAD:
                wrong = _hopeless(buffer[start : start + 12])
                break
            if end - stop >= 8:  # the checksum, and the lengths of the next frame behind it
                checksum, total, following = _TAIL.unpack_from(buffer, tail)
            else:
                checksum, total, following = *_UINT32.unpack_from(buffer, tail), 0, 0
            frame = buffer[start:tail]
            if crc32(frame) != checksum:  # which is over the prelude and its own, too
                wrong = "checksum mismatch in a frame"
                break
            payload = 12 + size
            block = frame[12:payload]
            if block != known or not block:
                if wrong := _impossible(len(frame) + 4, size):
                    break
                if payloads:
                    yield headers, payloads
                known, headers, payloads = block, _parsed(block), []
            payloads.append(frame[payload:])
            start, size = stop, following
        self._buffer = buffer[start:]
        if payloads:
            yield headers, payloads
        if wrong:
            raise EventStreamError(wrong)


def encode(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame with text headers."""
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\7" + _UINT16.pack(len(value)) + value.encode()
        for name, value in headers.items()  # all of them ASCII
    )
    lengths = _LENGTHS.pack(_OVERHEAD + len(block) + len(payload), len(block))
    message = lengths + _UINT32.pack(crc32(lengths)) + block + payload
    return message + _UINT32.pack(crc32(message))


def _hopeless(prelude: bytes) -> str:
    """Why the rest of a frame is not waited for, if there is a reason."""
    if wrong := _impossible(*_LENGTHS.unpack_from(prelude)):
        return wrong
    right = crc32(prelude[:8]) == _UINT32.unpack_from(prelude, 8)[0]
    return "" if right else "checksum mismatch in the prelude of a frame"


def _impossible(total: int, headers: int) -> str:
    if headers <= MAX_HEADERS and 0 <= total - headers - _OVERHEAD <= MAX_PAYLOAD:
        return ""
    return f"impossible lengths in a frame of {total} bytes"


def _parsed(block: bytes) -> dict[str, str]:
    headers = _headers.get(block)
    if headers is None:
        headers = parse_headers(block)
        if len(_headers) < _KEPT_HEADERS:
            _headers[block] = headers
    return headers


def parse_headers(block: bytes) -> dict[str, str]:
    """The text headers of a frame; headers of other types are skipped.

    Raises EventStreamError.
    """
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(block):
            name_end = position + 1 + block[position]
            name = block[position + 1 : name_end].decode()
            kind = block[name_end]
            position = name_end + 1
            if kind in _FIXED_SIZES:
                position += _FIXED_SIZES[kind]
            elif kind in (6, 7):
                value = position + 2
                position = value + int.from_bytes(block[position:value], "big")
                if kind == 7:
                    headers[name] = block[value:position].decode()
            else:
                raise EventStreamError(f"unknown type {kind} of header {name!r}")
    except (IndexError, UnicodeDecodeError) as error:
        raise EventStreamError("malformed headers in a frame") from error
    if position != len(block):
        raise EventStreamError("headers of a frame run past their end")
    return headers
