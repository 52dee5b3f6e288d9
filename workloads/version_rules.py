"""Which versions do not go together: version_rules.toml beside this file, and its reading.

Standard library only. The same rules choose a pool's node image, stop a synthesis and let a
template be checked, so that none of the three can disagree.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import ge, gt, le, lt
from pathlib import Path

Facts = Mapping[str, str]  # such as {"family": "trn1", "driver": "2.28.0.0"}

_COMPARE = {">=": ge, "<=": le, "<": lt, ">": gt}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What meets every condition of `when` must meet every one of `needs`."""

    when: Mapping[str, str]
    needs: Mapping[str, str]
    otherwise: str
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """The facts the rule speaks of."""
        return tuple(dict.fromkeys([*self.when, *self.needs]))

    def broken(self, facts: Facts) -> bool:
        """Whether the facts meet `when` and not `needs`. A fact that is missing decides nothing."""
        return all(n in facts and _meets(n, c, facts) for n, c in self.when.items()) and any(
            n in facts and not _meets(n, c, facts) for n, c in self.needs.items()
        )

    def sentence(self, facts: Facts) -> str:
        """What the rule says, with the values that break it."""
        have = ", ".join(f"{n} {facts[n]}" for n in self.names if n in facts)
        when = _say(self.when)
        return f"{have}: {when} needs {_say(self.needs)}, or {self.otherwise} ({self.source})"


@cache
def numbers(version: str) -> tuple[int, ...]:
    """The parts of a version, for comparing: (1, 35, 6, 20260618) of "1.35.6-20260618".

    Raises ValueError if a part is no number; a leading "v" is none.
    """
    return tuple(int(part) for part in re.split(r"[.-]", version.removeprefix("v")))


def broken(facts: Facts, rules: Iterable[Rule] | None = None) -> list[Rule]:
    """The rules that the facts break, of version_rules.toml unless others are given."""
    return [rule for rule in (RULES if rules is None else rules) if rule.broken(facts)]


def _meets(name: str, condition: str, facts: Facts) -> bool:
    value = facts[name]
    if condition == "any":
        return True
    if among := re.fullmatch(r"(not )?in (.+)", condition):
        return (value in among[2].split()) is (among[1] is None)
    if other := re.fullmatch(r"same (minor )?as (\S+)", condition):
        length = 2 if other[1] else None
        return numbers(value)[:length] == numbers(facts[other[2]])[:length]
    return all(
        _COMPARE[sign](numbers(value), numbers(limit))
        for sign, limit in (part.split() for part in condition.split(","))
    )


def _say(conditions: Mapping[str, str]) -> str:
    return " and ".join(f"{name} {_words(text)}".rstrip() for name, text in conditions.items())


def _words(condition: str) -> str:
    if among := re.fullmatch(r"(not )?in (.+)", condition):
        return ("other than " if among[1] else "") + " or ".join(among[2].split())
    return (
        condition.removeprefix("any")
        .replace("same as", "the same as")
        .replace("same minor as", "of the same minor version as")
    )


def _read(text: str) -> tuple[Rule, ...]:
    return tuple(Rule(**row) for row in tomllib.loads(text)["rules"])


RULES = _read((Path(__file__).parent / "version_rules.toml").read_text("utf-8"))
