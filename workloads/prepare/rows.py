"""A row of input is a text, or bad: then it goes to quarantine, never into a crash."""

import codecs
from dataclasses import dataclass


@dataclass(frozen=True)
class Bad:
    """Why there is no text at `offset`, a byte of a file or a row of a Parquet file."""

    offset: int
    reason: str  # one of few
    rows: int = 1
    detail: str = ""


def text_of(data: bytes, offset: int) -> str | Bad:
    """UTF-8 as text."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} of it is 0x{data[error.start]:02x}"
        return Bad(offset, "invalid UTF-8", detail=wrong)
    return checked(text, offset)


def checked(text: str, offset: int) -> str | Bad:
    """The text, if it is one."""
    if (nul := text.find("\0")) >= 0:
        return Bad(offset, "NUL", detail=f"character {nul} of it")
    if not text or text.isspace():
        return Bad(offset, "empty")
    return text


def without_mark(data: bytes) -> bytes:
    """A file's bytes without its byte order mark."""
    return data.removeprefix(codecs.BOM_UTF8)
