"""Text to measure with: words of an invented language, as often as Zipf's law has them.

Real text meets new words all the time, which stories from templates do not. Some documents repeat,
some nearly, some are junk and some hold personal data, so that every stage has its work.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_ONSETS = re.findall(
    "[a-z]+", "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w z"
)
_VOWELS = re.findall("[a-z]+", "a e i o u ai ea ee ou oo")
_CODAS = ["", "", "", "n", "r", "s", "t", "l", "m", "nd", "st", "ng", "ck", "rt"]
WORDS = 300_000
# A million words then hold 64,000 different ones; newswire has 38,000 (Manning, Raghavan, Schütze,
# Introduction to Information Retrieval, 5.1.1), and a tokenizer tells apart those with capitals.
EXPONENT = 1.2
MEDIAN_WORDS = 250  # of a document; lengths are log-normal, as those of web pages


def documents(size: int, seed: int) -> Iterator[str]:
    """Documents of about `size` characters together."""
    random = np.random.default_rng(seed)
    words = _vocabulary(random)
    weights = 1.0 / np.arange(1, WORDS + 1) ** EXPONENT
    running = np.cumsum(weights / weights.sum())
    told: list[str] = []
    while size > 0:
        count = int(np.clip(random.lognormal(np.log(MEDIAN_WORDS), 0.8), 20, 20_000))
        kind = random.random()
        if kind < 0.03 and told:
            text = told[random.integers(len(told))]
        elif kind < 0.06 and told:
            text = told[random.integers(len(told))].replace(" ", " indeed ", 1)
        elif kind < 0.08:
            text = f"{words[random.integers(WORDS)]} " * 80
        else:
            drawn = np.searchsorted(running, random.random(count))
            text = _prose(random, [words[number] for number in drawn])
            if kind < 0.10:
                text += f" Write to {words[random.integers(WORDS)]}@example.org or +49 30 1234567."
        told.append(text)
        size -= len(text)
        yield text


def write(file: Path, size: int, seed: int = 0) -> None:
    """The documents as JSON lines."""
    with file.open("w") as stream:
        for number, text in enumerate(documents(size, seed)):
            stream.write(json.dumps({"text": text, "id": number}, ensure_ascii=False) + "\n")


def _vocabulary(random: np.random.Generator) -> list[str]:
    """Different words, the frequent ones short."""
    words: dict[str, None] = {}
    while len(words) < WORDS:
        syllables = 1 + min(3, int(np.log10(1 + len(words) / 40))) + int(random.random() < 0.3)
        drawn = random.integers(1 << 30, size=(syllables, 3))
        words["".join(
            _ONSETS[a % len(_ONSETS)] + _VOWELS[b % len(_VOWELS)] + _CODAS[c % len(_CODAS)]
            for a, b, c in drawn
        )] = None  # fmt: skip
    return list(words)


def _prose(random: np.random.Generator, words: list[str]) -> str:
    """Sentences of 5 to 24 words, some with a comma or a number; paragraphs of a few sentences."""
    told, start = [], 0
    while start < len(words):
        some = words[start : start + int(random.integers(5, 25))]
        start += len(some)
        if random.random() < 0.2:
            some[-1] += f" {random.integers(2100)}"
        if random.random() < 0.4:
            some[len(some) // 2] += ","
        told.append(" ".join(some).capitalize() + random.choice([".", ".", ".", "?", "!"]))
        told.append("\n" if random.random() < 0.25 else " ")
    return "".join(told[:-1])
