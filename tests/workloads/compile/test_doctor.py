import importlib.metadata

import pytest

from workloads.compile.doctor import NAMES, examine, problems
from workloads.versions import VERSIONS

# As pypi.org has them (torch-neuronx 1.0, neuronx-cc 1.0.post1, nki 0.0.1 …).
WRONG = (
    'raise ImportError("WRONG PACKAGE. Please install the package from Neuron Repository - '
    'pip.repos.neuron.amazonaws.com")\n'
)


def install(site, name, version, *, module=None, files=None):
    """What pip leaves: the modules, and a dist-info that lists them."""
    files = files or {f"{module or name.replace('-', '_')}/__init__.py": WRONG}
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    listed = []
    for path, text in {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
        listed.append(f"{path},,")
    (site / info / "RECORD").write_text("\n".join(listed) + "\n")


REAL = {"pkg/__init__.py": "from .core import run\n", "pkg/core.py": "# WRONG PACKAGE\n"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_placeholder_is_recognised_without_importing_it(tmp_path, name):
    install(tmp_path, name, "1.0", module=name)

    (check,) = examine([str(tmp_path)], {})

    assert "a placeholder of the public index" in check.problem
    assert "--extra-index-url https://pip.repos.neuron.amazonaws.com" in check.problem


def test_a_real_package_is_none(tmp_path):
    install(tmp_path, "torch-neuronx", "2.9.0.2.12.22436+0f1dac25", files=REAL)

    (check,) = examine([str(tmp_path)], {"torch-neuronx": "2.9.0.2.12.22436"})

    assert check.problem == ""


@pytest.mark.parametrize(
    ("pinned", "installed", "right"),
    [
        ("2.23.6484.0", "2.23.6484.0+3b612583", True),
        ("2.23.6484.0", "2.23.6484.01", False),
        ("4.57", "4.57.3", True),
        ("4.57", "4.56.0", False),
        ("4.57", "4.571", False),
    ],
)
def test_installed_versions_are_held_against_the_pinned(tmp_path, pinned, installed, right):
    install(tmp_path, "neuronx-cc", installed, files=REAL)

    checks = examine([str(tmp_path)], {"neuronx-cc": pinned})

    assert (problems(checks) == []) is right


def test_a_pinned_package_that_is_not_there_is_said(tmp_path):
    (check,) = examine([str(tmp_path)], {"nki": "0.2.0"})

    assert check.installed == ""
    assert check.problem.startswith("not installed: pip install nki==0.2.0 --extra-index-url")


def test_names_are_compared_as_pip_compares_them(tmp_path):
    install(tmp_path, "neuronx_distributed", "0.17.26814+4b18de63", files=REAL)

    assert problems(examine([str(tmp_path)], {"neuronx-distributed": "0.17.26814"})) == []


@pytest.mark.parametrize(("python", "right"), [("3.9.1", False), ("", True)])
def test_another_python_is_said(tmp_path, python, right):
    assert (problems(examine([str(tmp_path)], {}, python=python)) == []) is right


def test_this_environment_has_no_placeholder():
    assert problems(examine(None, {})) == []


def test_every_pinned_package_of_neurons_can_be_told():
    names = {name for stack in VERSIONS.neuron.values() for use in stack.uses.values()
             for name in use.packages if "neuron" in name or name == "nki"}  # fmt: skip

    assert names <= NAMES


def test_a_package_without_a_list_of_files_is_no_placeholder(tmp_path):
    install(tmp_path, "torch-neuronx", "2.9", files=REAL)
    (tmp_path / "torch_neuronx-2.9.dist-info" / "RECORD").unlink()

    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert found.files is None
    assert problems(examine([str(tmp_path)], {})) == []
