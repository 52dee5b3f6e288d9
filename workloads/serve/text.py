"""Tokens into text while they come: never half a character, never part of a stop string."""

import codecs
import json
from collections.abc import Sequence

from tokenizers import Tokenizer

from workloads.command import InputError


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """What each token of a byte-level tokenizer stands for; special tokens stand for nothing."""
    described = json.loads(tokenizer.to_str())
    decoder = described.get("decoder") or {}
    kinds = {decoder.get("type"), *(part["type"] for part in decoder.get("decoders", ()))}
    if "ByteLevel" not in kinds:
        raise InputError("the tokenizer is not byte-level; this server decodes no other")
    alphabet = {character: byte for byte, character in enumerate(_byte_alphabet())}
    added = {token["id"]: token for token in described["added_tokens"]}
    table = [b""] * tokenizer.get_vocab_size()
    for text, token in tokenizer.get_vocab().items():
        if token not in added:
            table[token] = bytes(alphabet[character] for character in text)
        elif not added[token]["special"]:
            table[token] = text.encode()
    return table


class TextStream:
    """The text of tokens pushed one by one; `stopped` once a stop string has come."""

    def __init__(self, table: Sequence[bytes], stop: Sequence[str]) -> None:
        self.stopped = False
        self._table = table
        self._stop = [text for text in stop if text]
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""  # decoded, but perhaps the beginning of a stop string

    def push(self, token: int) -> str:
        """The text that is certain now: whole characters, up to a possible stop string."""
        return self._release(self._decoder.decode(self._table[token]))

    def finish(self) -> str:
        """What was held back; bytes that never became a character are dropped."""
        text, self._held = self._held, ""
        return "" if self.stopped else text

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        self._held += text
        found = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            ready, self._held = self._held[: min(found)], ""
            return ready
        keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
        cut = len(self._held) - keep
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


def _byte_alphabet() -> list[str]:
    """The character by which byte-level BPE writes each byte.

    Printable Latin-1 bytes are themselves; the others, in order, are the characters from U+0100.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
