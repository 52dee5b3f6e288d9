"""Everything the process says, as JSON: one object a line on standard error.

What clients ask and models answer is never in it. So the text of an exception is left out, which
may quote either: its type and the lines of code it came through say where to look.
"""

import asyncio
import logging
import os
import select
import traceback
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

STDERR = 2
PAUSE_SECONDS = 0.1  # between two writes
LAST_MILLISECONDS = 1_000  # for a reader to make room, at the end
KEPT_LINES = 100_000  # while nobody reads them; the oldest are lost then


class Writer:
    """Writes lines now and then, in the event loop, where it never waits for a reader.

    Not from a thread: that one would want the interpreter for itself in the middle of requests.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._lines: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._begun = b""  # lines that are on their way
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)

    def write(self, fields: dict[str, Any]) -> None:
        """One line; `time` is put behind it. From any thread."""
        fields["time"] = datetime.now(UTC)
        self._lines.append(to_json(fields) + b"\n")

    def start(self) -> None:
        """The event loop runs: write what there is from now on."""
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._again)

    def close(self) -> None:
        """Write what is left, for a reader that reads."""
        self._flush(wait=LAST_MILLISECONDS)

    def _again(self) -> None:
        self._flush(wait=0)
        self.start()

    def _flush(self, wait: int) -> None:
        while self._begun or self._lines:
            if not self._begun:
                some = [self._lines.popleft() for _ in range(min(8, len(self._lines)))]
                self._begun = b"".join(some)
            if not self._room.poll(wait):  # there is room for PIPE_BUF bytes at least, else
                return
            try:
                written = os.write(self._file, self._begun[: select.PIPE_BUF])
            except OSError:  # nobody is there to read: no reason to stop serving
                written = len(self._begun)
            self._begun = self._begun[written:]


class Handler(logging.Handler):
    """Hands Python's own log records to the writer."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {
            "level": record.levelname.lower(),
            "event": "log",
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields |= describe(record.exc_info[1])
        self._writer.write(fields)


def describe(error: BaseException) -> dict[str, Any]:
    """The type of an exception, those of its causes, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    causes, cause = [type(error).__name__], error.__cause__ or error.__context__
    while cause is not None and len(causes) < 10:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return {
        "error": " from ".join(causes),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


@contextmanager
def logging_as_json(file: int = STDERR) -> Iterator[Writer]:
    """Let every logger of the process write through one writer, warnings of Python's too."""
    writer = Writer(file)
    root, handler = logging.root, Handler(writer)
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # else it tells of every look-up
    logging.captureWarnings(True)
    try:
        yield writer
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        writer.close()


def report_unhandled(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio's handler for exceptions nobody caught; its own prints them, text and all."""
    error = context.get("exception")
    logging.getLogger("asyncio").error("%s", context["message"], exc_info=error)


def to_json(fields: dict[str, Any]) -> bytes:
    """One line, times as ISO 8601 has them."""
    return orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z)
