"""What will be sent and when, fixed before the first request: nothing the server does changes it.

The same seed, rate and lengths give the same plan on every machine.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workloads.command import InputError

Arrivals = Literal["poisson", "constant"]

# Common short words, nearly all of them one token for the tokenizers in use.
WORDS = re.findall(
    r"\w+",
    "the and of to in is was for on that with as it at by from this be are or an had not but they"
    " you his her she him have one all were there been who will more when time out up so said what"
    " about into them can only other new some could these two may then do first any my now such"
    " like our over man even most made after also did many before must through back years where"
    " much your way well down should because long each just those people how too little state good"
    " very make world still see own work men day get here between both life being under three",
)


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """A normal distribution of token counts, at least 1; deviation 0: always the mean."""

    mean: int
    deviation: int = 0

    def __str__(self) -> str:
        return f"{self.mean} ± {self.deviation}" if self.deviation else f"{self.mean}"

    def draw(self, generator: random.Random) -> int:
        return max(1, round(generator.gauss(self.mean, self.deviation)))


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What one request asks, and for how many tokens at most."""

    text: str
    max_tokens: int


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One request; `at` is in seconds since its rate's run began."""

    at: float
    prompt: Prompt


def plan(
    prompts: Iterator[Prompt], *, rate: float, seconds: float, arrivals: Arrivals, seed: int
) -> list[Planned]:
    """Requests at `rate` per second on average, for `seconds`."""
    generator = random.Random(f"arrivals {seed} {rate}")
    planned = []
    at = 0.0
    while at < seconds:
        planned.append(Planned(at=at, prompt=next(prompts)))
        at += generator.expovariate(rate) if arrivals == "poisson" else 1 / rate
    return planned


def drawn_prompts(*, prompt: Lengths, output: Lengths, seed: int) -> Iterator[Prompt]:
    """Endless prompts of random words, one word for about one token.

    No two begin alike, so that a server's cache of prefixes has nothing to find.
    """
    generator = random.Random(f"prompts {seed}")
    while True:
        words = generator.choices(WORDS, k=prompt.draw(generator))
        yield Prompt(text=" ".join(words), max_tokens=output.draw(generator))


def read_prompts(file: Path, *, seed: int) -> Iterator[Prompt]:
    """The file's prompts again and again, each time in another order that the seed decides.

    Lines of JSON: {"prompt": "…", "max_tokens": 100}.
    """
    prompts = _parse(file)

    def endless() -> Iterator[Prompt]:
        generator = random.Random(f"prompts {seed}")
        while True:
            yield from generator.sample(prompts, len(prompts))

    return endless()


def _parse(file: Path) -> Sequence[Prompt]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--prompts {file} cannot be read: {reason}") from None
    prompts = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            text, most = row["prompt"], row["max_tokens"]
            if not (isinstance(text, str) and text and type(most) is int and most > 0):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f'--prompts {file} line {number} is not {{"prompt": "…", "max_tokens": 100}}'
            ) from None
        prompts.append(Prompt(text=text, max_tokens=most))
    if not prompts:
        raise InputError(f"--prompts {file} has no line")
    return prompts
