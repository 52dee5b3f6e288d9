"""The commands that the documents show are ones that exist, with the options they show.

Ours are run by tests. AWS's, which need an account, are held to the models of its APIs.
"""

import contextlib
import functools
import importlib.util
import io
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import botocore.session
import jmespath
import pytest
from botocore import xform_name

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = re.compile(
    r"(?:python|torchrun[^`\n]*?) -m ((?:workloads|operations|benchmarks|stacks)[\w.]*)([^`\n|]*)"
)

AWS = re.compile(r"(?:^ *|`)(aws [a-z0-9-]+ [^`\n]+)", re.MULTILINE)
# Of the command line itself, not of an API.
OF_THE_COMMAND_LINE = {("eks", "update-kubeconfig"), ("logs", "tail")}


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


def test_a_command_in_a_document_is_run_by_a_test_or_is_a_benchmark_with_its_figures():
    tests = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    tests += [path.read_text() for path in (ROOT / "tests").rglob("conftest.py")]
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    idle = []
    for module in sorted({module for module, _ in commands()}):
        run = re.compile(
            rf"""["']{re.escape(module)}["']|from {re.escape(module)}\.__main__ import"""
        )
        benchmark = module.startswith("benchmarks.") and f"python -m {module}" in measured
        if not benchmark and not any(run.search(text) for text in tests):
            idle.append(module)

    assert idle == []


def aws_commands():
    found = set()
    for document in DOCUMENTS:
        text = document.read_text().replace("\\\n", " ")
        found |= {" ".join(one.split("  #")[0].split()) for one in AWS.findall(text)}
    return sorted(found)


@functools.cache
def operations(service):
    model = botocore.session.get_session().get_service_model(service)
    return {
        xform_name(name, "-"): model.operation_model(name).input_shape
        for name in model.operation_names
    }


@pytest.mark.parametrize("command", aws_commands())
def test_a_command_of_aws_is_a_call_with_parameters_it_has(command):
    _, service, operation, *words = shlex.split(command)
    if (service, operation) in OF_THE_COMMAND_LINE:
        return
    members = operations(service)[operation].members
    known = {xform_name(member, "-") for member in members} | {"query", "output", "region"}
    required = {
        xform_name(member, "-") for member in operations(service)[operation].required_members
    }
    given = {word[2:] for word in words if word.startswith("--")}

    assert given - known == set()
    assert required - given == set()
    if "--query" in words:
        jmespath.compile(words[words.index("--query") + 1])


def test_commands_of_aws_are_found():
    assert len(aws_commands()) > 10
