"""What to say of an environment file that is not TOML: the line, and the slip that was made."""

import json
import re
import tomllib

_BARE = re.compile(r"""^\s*(?P<key>[\w."-]+)\s*=\s*(?P<value>[^"'\[{\s#][^#]*?)\s*(#.*)?$""")
_SHOWN = 100  # characters of a line
_SWITCHES = {"true", "false", "yes", "no", "on", "off"}
# What tomllib says -> what it means to somebody who wrote the file.
_REASONS = {
    "Cannot overwrite a value": "its key stands above already; keep one of the two",
    "Cannot declare": "this table stands above already; put its keys there",
}


def toml_sentence(text: str, error: tomllib.TOMLDecodeError) -> str:
    """The line that cannot be read, and what would be right; `error` is what tomllib says of it.

    tomllib tells a place and a rule of the grammar; the slips that people make are told here.
    """
    place = re.search(r"at line (\d+)", str(error))
    lines = text.splitlines() or [""]
    number = min(int(place.group(1)) if place else len(lines), len(lines))
    line = lines[number - 1].strip()
    reason = str(error).partition(" (at ")[0]
    known = (
        _one_bracket(line, text)
        or _table_above(line, lines[: number - 1])
        or next((_REASONS[start] for start in _REASONS if reason.startswith(start)), "")
    )
    shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]} ..."
    return f"line {number}: {shown}: {known or _slip(line) or f'it is not TOML: {reason}'}"


def _one_bracket(line: str, text: str) -> str:
    """[pools] where other entries of the list are written [[pools]]."""
    name = re.match(r"\[([\w.-]+)\]", line)
    if name and f"[[{name[1]}]]" in text:
        return f"each entry of a list stands in two brackets; write [[{name[1]}]]"
    return ""


def _table_above(line: str, above: list[str]) -> str:
    """[pools.capacity] above the first [[pools]], of whose entry it was meant to be a part."""
    name = re.match(r"\[\[([\w.-]+)\]\]", line)
    parts = (re.match(rf"\s*(\[{re.escape(name[1])}\.[\w.-]+\])", other) for other in above if name)
    if part := next(filter(None, parts), None):
        return f"{part[1]} stands above its entry; put it below {line} and that entry's keys"
    return ""


def _slip(line: str) -> str:
    """What was probably meant; "" if nothing comes to mind."""
    if re.search("[“”„‟«»‘’]", line):  # the quotes of a word processor
        return 'the quotes are not straight ones; write "'
    if re.match(r"^[\w-]+\s*:", line):
        return "a key and its value are joined by =, not by a colon"
    if bare := _BARE.match(line):
        return _unquoted(bare["key"], bare["value"])
    if re.search(r"""=\s*\[.*(["'])\s+\1""", line):
        return "a comma is missing between two values of the list"
    if line.count('"') % 2:
        return "a quote is missing"
    return ""


def _unquoted(key: str, value: str) -> str:
    if value.lower() in _SWITCHES:
        return "a switch is true or false, in lower case"
    if re.fullmatch(r"0\d+", value):
        return f"a number cannot begin with 0; write it in quotes, as {key} = {json.dumps(value)}"
    if re.fullmatch(r"[-+]?[\d_.]+", value):
        return ""
    return f"write it in quotes, as {key} = {json.dumps(value)}"
