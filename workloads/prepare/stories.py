"""Endless small stories, the same bytes on every machine: text to train on without a download.

Each is a request and, on the next lines, the story told for it, so that a model trained on
them answers a chat. Story i of a seed depends on (seed, i) alone.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TypeVar

from workloads.prepare import plots

Item = TypeVar("Item")
STORY_BYTES = 450  # about


def stories(count: int, seed: int) -> Iterator[str]:
    """Story 0 to `count` - 1 of a seed."""
    return (story(seed, index) for index in range(count))


def story(seed: int, index: int) -> str:
    """One request and its story, ending without a line break."""
    rng = random.Random(f"{seed}/{index}")
    hero = _choice(rng, plots.CAST)
    friend = _choice(rng, [other for other in plots.CAST if other != hero])
    colour, thing = _choice(rng, plots.THINGS).split()
    words = asdict(hero) | {
        "friend": friend.name,
        "friend_animal": friend.animal,
        "colour": colour,
        "thing": thing,
        "weather": _choice(rng, plots.WEATHERS),
        "food": _choice(rng, plots.FOODS),
    }
    plot = _choice(rng, plots.PLOTS)
    request = _fill(rng, plots.REQUESTS, words | {"theme": plot.theme.format_map(words)})
    slots = (plots.OPENINGS, plots.DAYS, *plot.sentences, plots.ENDINGS)
    told = [_fill(rng, slot, words) for slot in slots]
    half = 2 + len(plot.sentences) // 2
    return "\n".join((request, " ".join(told[:half]), " ".join(told[half:])))


def _choice(rng: random.Random, items: Sequence[Item]) -> Item:
    """Python promises the same random() in every version, and does not for choice()."""
    return items[int(rng.random() * len(items))]


def _fill(rng: random.Random, variants: Sequence[str], words: Mapping[str, str]) -> str:
    text = _choice(rng, variants).format_map(words)
    return text[0].upper() + text[1:]
