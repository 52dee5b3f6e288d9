"""How commands end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    path.relative_to(ROOT)
    for package in ("operations", "stacks", "workloads")
    for path in (ROOT / package).glob("**/__main__.py")
)

PRINTS = """
import sys
from workloads.command import end
def main():
    print("result " * 20_000 if {much} else "result")
    return 3
end(main)
"""


def ended(*command, unbuffered=""):
    """Exit code and stderr of a command whose output nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    return done.returncode, done.stderr


@pytest.mark.parametrize("much", [True, False])
@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_whoever_reads_no_further_hears_no_more(much, unbuffered):
    assert ended("-c", PRINTS.format(much=much), unbuffered=unbuffered) == (1, "")


@pytest.mark.parametrize("options", [["operations.preflight", "--policy"], ["stacks", "--help"]])
def test_a_command_whose_output_is_cut_ends_in_silence(options):
    assert ended("-m", *options) == (1, "")


def read(program):
    """Exit code, stdout and stderr of a program whose output is read."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_a_broken_pipe_elsewhere_is_no_silence():
    code, _, said = read(
        "import os\nfrom workloads.command import end\n"
        "def main():\n  r, w = os.pipe(); os.close(r); os.write(w, b'a')\nend(main)"
    )

    assert code == 1
    assert "BrokenPipeError" in said


def test_the_exit_code_is_that_of_the_command():
    assert read(PRINTS.format(much=False)) == (3, "result\n", "")


@pytest.mark.parametrize("path", COMMANDS, ids=str)
def test_every_command_ends_so(path):
    last = (ROOT / path).read_text().rpartition('\nif __name__ == "__main__":\n')[2]

    assert re.search(r"^ +end\(main\)$", last, re.MULTILINE), last
