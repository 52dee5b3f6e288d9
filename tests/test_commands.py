"""The commands that the documents show are ones that exist, with the options they show."""

import contextlib
import functools
import importlib.util
import io
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = re.compile(
    r"(?:python|torchrun[^`\n]*?) -m ((?:workloads|operations|benchmarks|stacks)[\w.]*)([^`\n|]*)"
)


def commands():
    """Module, and the words after it, of every command of ours in a document."""
    found = set()
    for document in DOCUMENTS:
        text = document.read_text().replace("\\\n", " ")
        for module, rest in COMMAND.findall(text):
            ours, _, passed_on = rest.partition(" -- ")
            words = tuple(ours.split("#")[0].split())
            found.add((module, words))
            if passed_on and words[:1] == ("train",):
                found.add(("workloads.train", tuple(passed_on.split())))
    return sorted(found)


@functools.cache
def helped(module, *subcommands):
    """What the command says of itself; nothing where it has no such subcommand.

    Run here and not in a process of its own: most of those would be importing the same again.
    """
    said, refused = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(refused),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", [module, *subcommands, "--help"])
        patch.setattr(os, "_exit", sys.exit)  # training ends so, past everything
        patch.chdir(ROOT)
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    assert subcommands or ended.value.code in (0, None), refused.getvalue()
    return said.getvalue()


def options(words):
    return {re.split(r"[=\]]", word.strip("[](),.;"))[0] for word in words if "--" in word[:3]}


@pytest.mark.parametrize(("module", "words"), commands(), ids=lambda value: str(value)[:60])
def test_a_command_in_a_document_is_one(module, words):
    assert importlib.util.find_spec(module) is not None
    if not words or set(options(words)) <= {"--help"}:
        return
    known = helped(module)
    for word in words[:2]:
        if re.fullmatch(r"[a-z-]*[a-z]", word) and not word.startswith("-"):
            known += helped(module, word)

    assert sorted(option for option in options(words) if option not in known) == []


def test_commands_are_found():
    modules = {module for module, _ in commands()}

    assert {"workloads.train", "operations.cost", "operations.preflight"} <= modules
