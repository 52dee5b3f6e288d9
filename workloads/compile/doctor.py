"""Are Neuron's packages here the real ones, and those that versions.toml pins?

The public index has placeholders under 18 of AWS's names, uploaded so that nobody else takes them:
version 1.0 or below, one __init__.py that raises ImportError("WRONG PACKAGE. …"). pip prefers the
real ones, whose versions are higher, but installs a placeholder without a word where it does not
reach Neuron's own index. Nothing is imported here: importing is what goes wrong.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from workloads.artefacts.toolchain import Toolchain
from workloads.version_rules import numbers

INDEX_URL = "https://pip.repos.neuron.amazonaws.com"
PLACEHOLDER = "WRONG PACKAGE"
# What pypi.org has placeholders for, 2026-11-22.
NAMES = frozenset(
    {
        "aws-neuronx-runtime-discovery", "jax-neuronx", "jaxlib-neuronx", "libneuronxla",
        "libtorch-neuronx-lite", "neuron-cc", "neuronperf", "neuronx-cc", "neuronx-cc-stubs",
        "neuronx-distributed", "neuronx-distributed-inference", "neuronx-distributed-training",
        "neuronx-hwm", "nki", "nki-library", "torch-neuron", "torch-neuronx", "vllm-neuron",
    }
)  # fmt: skip
LARGEST = 10_000  # bytes of a placeholder's one module, generously


@dataclass(frozen=True, kw_only=True)
class Check:
    """One package or the interpreter. `problem` is empty when it is as it should be."""

    name: str
    installed: str  # empty: not at all
    pinned: str  # empty: versions.toml does not say
    problem: str


def examine(
    path: Sequence[str] | None, pinned: Mapping[str, str], *, python: str = ""
) -> list[Check]:
    """Every Neuron package below `path` (None: this interpreter's) and every pinned one.

    `pinned` maps names to versions; `python` is the pinned version of the interpreter, of which
    the first two numbers count.
    """
    found = distributions() if path is None else distributions(path=list(path))
    seen = {_normal(each.metadata["Name"] or ""): each for each in found}
    checks = [
        _check(name, seen.get(name), pinned.get(name, ""))
        for name in sorted((NAMES & seen.keys()) | pinned.keys())
    ]
    if python:
        here = ".".join(map(str, sys.version_info[:3]))
        wanted = numbers(python)[:2]
        other = "" if sys.version_info[:2] == wanted else f"the image has Python {python}"
        checks.append(Check(name="python", installed=here, pinned=python, problem=other))
    return checks


def pinned_packages(tools: Toolchain, packages: Mapping[str, str]) -> dict[str, str]:
    """What an image is to hold, by package name: the compiler too."""
    return {"neuronx-cc": tools.compiler} | {
        name: version for name, version in packages.items() if name != "python"
    }


def _check(name: str, found: Distribution | None, pinned: str) -> Check:
    version = found.version if found else ""
    problem = ""
    if found is None:
        problem = f"not installed: pip install {name}=={pinned} --extra-index-url {INDEX_URL}"
    elif is_placeholder(found):
        wanted = f"{name}=={pinned}" if pinned else name
        problem = (
            f"a placeholder of the public index, not the package: pip uninstall {name}, then"
            f" pip install {wanted} --extra-index-url {INDEX_URL}"
        )
    elif pinned and not _fits(pinned, version):
        problem = f"versions.toml pins {pinned}"
    return Check(name=name, installed=version, pinned=pinned, problem=problem)


def is_placeholder(found: Distribution) -> bool:
    """Whether all there is of a package is a module that says it is the wrong one.

    The module's folder is not always the package's import name: `neuronx-cc` with the hyphen.
    """
    modules = [file for file in found.files or () if file.name.endswith((".py", ".so"))]
    if len(modules) != 1:
        return False
    module = Path(str(modules[0].locate()))
    try:
        with module.open("rb") as stream:
            return PLACEHOLDER.encode() in stream.read(LARGEST)
    except OSError:
        return False


def problems(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.problem]


def _fits(pinned: str, version: str) -> bool:
    """`2.23.6484.0` is also 2.23.6484.0+3b612583, and `4.57` any 4.57.x."""
    return f"{version.partition('+')[0]}.".startswith(f"{pinned}.")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
