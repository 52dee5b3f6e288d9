"""The demo as a user sees it go wrong: one sentence, an exit code, and nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).parents[3]
SECONDS = 900  # on a machine that does much else


class Run:
    """A demo in a folder of its own, with its output in a file."""

    def __init__(self, folder, *options):
        self.folder = folder / "demo"
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "operations.demo", "--folder", self.folder, *options],
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                cwd=REPOSITORY,
            )

    def wait_for(self, text):
        """Wait until the demo, or a log of it, says `text`."""
        deadline = time.monotonic() + SECONDS
        logs = [self._output, *(self.folder / f"{name}.log" for name in ("cdk", "train"))]
        while not any(text in log.read_text() for log in logs if log.exists()):
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline, f"never said {text!r}"
            time.sleep(0.05)

    def descendants(self):
        """Every process of this demo: those below it, and those that name its folder."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [*below, *self.orphans()]

    def orphans(self):
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):  # it has ended meanwhile
                named = any(str(self.folder) in value for value in process.environ().values())
                if named and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def end(self):
        """The exit code and what was said on standard error."""
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors


@pytest.fixture
def demo(tmp_path):
    runs = []

    def start(*options):
        runs.append(Run(tmp_path, *options))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        for process in run.orphans():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def find(processes, words):
    """The process whose command line has these words, the youngest of several."""
    found = []
    for process in processes:
        with suppress(psutil.Error):  # it has ended meanwhile
            if words in " ".join(process.cmdline()):
                found.append(process)
    return max(found, key=lambda process: process.create_time())


def alive(processes):
    """Those still running; a zombie only waits for its parent to look."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def assert_failed(run, step, log, before):
    code, errors = run.end()
    [sentence] = errors.splitlines()
    assert code == 1
    assert sentence.startswith(f"make demo: step '{step}' ")
    assert str(run.folder / log) in sentence
    assert run.orphans() == []
    assert alive(before) == []


def test_an_emulator_killed_while_deploying(demo):
    run = demo()
    run.wait_for("demo-network")
    before = run.descendants()

    os.kill(find(before, "operations.embedded.extension").pid, signal.SIGKILL)

    assert_failed(run, "deploy", "aws/emulator.log", before)


def test_a_training_process_that_is_killed(demo):
    run = demo()
    run.wait_for("step 10/")
    before = run.descendants()

    os.kill(find(before, "workloads.train").pid, signal.SIGKILL)

    assert_failed(run, "train", "train.log", before)


@pytest.mark.parametrize("moment", ["] emulator", "] bootstrap", "demo-network", "] train"])
def test_an_interrupt_leaves_nothing_running(demo, moment):
    run = demo()
    run.wait_for(moment)
    before = run.descendants()

    run.process.send_signal(signal.SIGINT)
    code, errors = run.end()

    assert code == 130
    assert errors == "make demo: ended by SIGINT; nothing is left running\n"
    assert run.orphans() == []
    assert alive(before) == []


def test_a_port_that_is_taken(demo):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        run = demo("--port", str(listener.getsockname()[1]))
        code, errors = run.end()

    [sentence] = errors.splitlines()
    assert code == 1
    assert sentence.startswith("make demo: step 'gateway' ") and "is taken" in sentence


def test_a_folder_that_cannot_be_written(demo, tmp_path):
    (tmp_path / "demo").write_text("a file where the folder should be")

    code, errors = demo().end()

    [sentence] = errors.splitlines()
    assert code == 2
    assert sentence.startswith("make demo: step 'folder' failed: ")
    assert str(tmp_path / "demo") in sentence and "FOLDER=" in sentence


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "70000"], "'70000' is not a port"),
        (["--input", "/nowhere.txt"], "/nowhere.txt cannot be read: No such file"),
        (["--input", sys.executable], "is not UTF-8 text"),
    ],
)
def test_options_that_cannot_be_used(demo, options, complaint):
    code, errors = demo(*options).end()

    assert code == 2
    assert complaint in errors and "Traceback" not in errors
