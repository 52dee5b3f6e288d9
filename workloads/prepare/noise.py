"""Known dirt between the stories: what the stages are to find, so that they can be scored.

What follows story i of a seed depends on (seed, i) alone, and is derived from an earlier story.
"""

import random
from dataclasses import dataclass

from workloads.prepare.stories import story

NOISE_EVERY = 8  # stories
EXACT, NEAR, PERSONAL, JUNK, BROKEN = KINDS = ("exact", "near", "personal", "junk", "broken")
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Noise:
    """One dirty row. `of`: the story it repeats; `secrets`: by kind, what must not remain."""

    kind: str
    text: str
    of: int
    secrets: tuple[tuple[str, str], ...] = ()


def noise(seed: int, number: int) -> Noise | None:
    """What follows story `number`, if anything does."""
    if number % NOISE_EVERY != NOISE_EVERY - 1:
        return None
    rng = random.Random(f"{seed}/{number}/noise")
    kind = KINDS[(number // NOISE_EVERY) % len(KINDS)]
    of = int(rng.random() * (number + 1))
    text = story(seed, of)
    match kind:
        case "exact":
            return Noise(kind, text, of)
        case "near":
            return Noise(kind, _edited(rng, text), of)
        case "personal":
            # With a story of its own, which no other row has.
            secrets = _secrets(rng)
            told = story(seed, -1 - number)
            return Noise(kind, f"{told}\n{_letter(secrets)}", of, secrets)
        case "junk":
            shapes = ("Click here. " * 60, "#@!~ 0x1f " * 40, text[:60], f"{text[:80]}\n" * 6)
            return Noise(kind, shapes[int(rng.random() * len(shapes))], of)
        case _:
            middle = len(text) // 2
            return Noise(kind, f"{text[:middle]}\0{text[middle:]}", of)


def _edited(rng: random.Random, text: str) -> str:
    """One to three words replaced."""
    words = text.split(" ")
    for _ in range(1 + int(rng.random() * 3)):
        words[int(rng.random() * len(words))] = "otherwise"
    return " ".join(words)


def _secrets(rng: random.Random) -> tuple[tuple[str, str], ...]:
    def digits(count: int) -> str:
        return "".join(str(int(rng.random() * 10)) for _ in range(count))

    card = "4" + digits(14)
    account = digits(18)
    name = f"u{digits(6)}"
    return (
        ("e-mail", f"{name}@mail{digits(3)}.org"),
        ("telephone", f"+49 30 {digits(7)}"),
        ("ip-address", f"8.{digits(1)}.{100 + int(digits(1))}.7"),
        ("card-number", card + _luhn(card)),
        ("iban", f"DE{_iban_check('DE', account)}{account}"),
        ("aws-access-key", "AKIA" + "".join(_BASE32[int(rng.random() * 32)] for _ in range(16))),
    )


def _letter(secrets: tuple[tuple[str, str], ...]) -> str:
    told = ", ".join(f"my {kind.replace('-', ' ')} is {value}" for kind, value in secrets)
    return f"Write to me soon: {told}."


def _luhn(digits: str) -> str:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return str(-(sum(doubled) + sum(map(int, digits[-2::-2]))) % 10)


def _iban_check(country: str, account: str) -> str:
    letters = "".join(str(int(letter, 36)) for letter in country)
    return f"{98 - int(f'{account}{letters}00') % 97:02d}"
