"""Personal data and secrets, each replaced by the name of its kind.

Patterns find what looks like one, and where the kind has a checksum or a registry that decides.
Not found are names, addresses, and telephone numbers without a country's or an area's code.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291, section 2.4: the rest is no host's address


@dataclass(frozen=True)
class Kind:
    """`looks`, in RE2's syntax and fast, finds texts to search; `pattern` what to replace there."""

    name: str
    looks: str
    pattern: re.Pattern[str]
    keep: Callable[[str], int]  # how many characters of a match are one; 0: it is none

    @property
    def placeholder(self) -> str:
        return f"[{self.name}]"


def _whole(match: str) -> int:
    return len(match)


def _public_address(match: str) -> int:
    try:
        address: IPv4Address | IPv6Address = ip_address(match)
    except ValueError:
        return 0
    routed = address.version == 4 or address in _GLOBAL_UNICAST
    return len(match) if address.is_global and routed else 0


def _card(match: str) -> int:
    """ISO/IEC 7812-1: 13 to 19 digits of a payment network, the last one after Luhn."""
    digits = [int(digit) for digit in match if digit.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    right = (sum(digits[::-2]) + sum(doubled)) % 10 == 0
    return len(match) if right and digits[0] in (2, 3, 4, 5, 6) and len(set(digits)) > 1 else 0


def _iban(match: str) -> int:
    """ISO 13616: modulo 97 it is 1. A word in capitals behind the number may be in the match."""
    while True:
        plain = match.replace(" ", "")
        if not 15 <= len(plain) <= 34:
            return 0
        if int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1:
            return len(match)
        match = match.rpartition(" ")[0]


def _telephone(match: str) -> int:
    """E.164: at most 15 digits with the country's code."""
    return len(match) if 7 <= sum(sign.isdecimal() for sign in match) <= 15 else 0


_HEX = "[0-9A-Fa-f]"
KINDS = (
    Kind(
        "private-key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        re.compile(
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
            r"[^-]{1,20000}-----END [A-Z ]{0,20}PRIVATE KEY-----"
        ),
        _whole,
    ),
    Kind(  # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, unique identifiers
        "aws-access-key",
        r"A(KIA|SIA)[A-Z2-7]{16}",
        re.compile(r"(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
        _whole,
    ),
    Kind(
        "aws-secret-key",
        r"(?i)secret_?(access)?_?key",
        re.compile(r"(?<=[\"'=:\s])(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
        lambda match: len(match) if re.search("[G-Zg-z/+]", match) else 0,  # SHA-1 is hexadecimal
    ),
    Kind(
        "e-mail",
        r"@",
        re.compile(
            r"(?<![\w.%+-])[\w%+](?:['.-]?[\w%+]){0,63}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
        ),
        _whole,
    ),
    Kind(
        "iban",
        r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
        re.compile(
            r"(?<!\w)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
        ),
        _iban,
    ),
    Kind(
        "card-number",
        r"[2-6]([ -]?[0-9]){12}",
        re.compile(r"(?<![\d.,+-])[2-6](?:[ -]?[0-9]){12,18}(?!\d|[.,]\d)"),
        _card,
    ),
    Kind(
        "ip-address",
        r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:",
        re.compile(
            r"(?<![\w.:])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\d)"
            rf"|(?:{_HEX}{{1,4}}:){{1,7}}(?::?{_HEX}{{1,4}}){{0,7}}:{{0,2}}(?![\w:]))"
        ),
        _public_address,
    ),
    Kind(
        "telephone",
        r"\+[0-9]|[0-9]{3}\)?[ .-]?[0-9]{3}[ .-][0-9]{4}",
        re.compile(
            r"(?<![\w+])(?:\+[1-9](?:[ ./()-]{0,2}[0-9]){6,14}"  # international
            r"|(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4})"
            r"(?![\w-]|[.,]\d)"
        ),
        _telephone,
    ),
)


def remove(texts: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """The texts without them, and how many of each kind there were."""
    cleaned, found = list(texts), Counter[str]()
    column = pa.array(cleaned, type=pa.large_string())
    for kind in KINDS:
        looks = pc.match_substring_regex(column, kind.looks)
        for number in np.flatnonzero(looks.to_numpy(zero_copy_only=False)):
            cleaned[number] = _replace(kind, cleaned[number], found)
    return cleaned, found


def _replace(kind: Kind, text: str, found: Counter[str]) -> str:
    def placeholder(match: re.Match[str]) -> str:
        words = match[0]
        length = kind.keep(words)
        if not length:
            return words
        found[kind.name] += 1
        return kind.placeholder + words[length:]

    return kind.pattern.sub(placeholder, text)
