"""Child processes that never outlive us: output in a log, the whole tree stopped."""

import contextlib
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

MARKS = "PROCESS_TREE_MARKS"  # inherited by every descendant, so orphans are found without a parent
OURS = uuid.uuid4().hex  # the mark of all that this interpreter starts
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


class ProcessError(RuntimeError):
    """A child ended or did not become ready; the text is one sentence that names its log."""


class ProcessTree:
    """A mark in the environment that finds every process started with it, and theirs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._mark = uuid.uuid4().hex
        self.environment = {
            **environment,
            MARKS: " ".join([environment.get(MARKS, OURS), self._mark]),
        }

    def members(self) -> Iterator[psutil.Process]:
        """Every living process of the tree, whoever its parent is by now."""
        return _marked(self._mark)

    def kill(self) -> None:
        """SIGKILL until nothing of the tree is left, processes born meanwhile included."""
        _kill(self._mark)


def kill_everything() -> None:
    """Kill whatever this interpreter started as a `Process`, and theirs.

    The last resort of a program that was interrupted just between starting a child and noting it.
    """
    _kill(OURS)


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if mark in process.environ().get(MARKS, "").split():
                yield process


def _kill(mark: str) -> None:
    missed = 0
    while missed < 2:  # a process that is just being replaced by its program shows no mark
        members = list(_marked(mark))
        missed = 0 if members else missed + 1
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(members, timeout=GRACE_SECONDS)


class Process:
    """One child process in a session of its own, its output appended to `log`.

    A context manager: leaving it stops the child and everything the child started, also
    descendants that opened a session of their own, as torchrun's workers do.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._tree = ProcessTree(environment)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._tree.environment,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        """Exit code, or None while it runs (negative: the signal that ended it)."""
        return self._popen.poll()

    def ensure_running(self) -> None:
        """Raise ProcessError when it has ended, whatever its exit code."""
        code = self.poll()
        if code is not None:
            raise ProcessError(
                f"{self.name} {describe_exit(code)}{self._last_words()}; see {self.log}"
            )

    def check(
        self,
        *,
        on_line: Callable[[str], None] = lambda line: None,
        needs: Sequence["Process"] = (),
    ) -> None:
        """Wait for a clean end, handing each line of output to `on_line` as it is written.

        Any other exit code is a ProcessError, and so is the end of a process in `needs`.
        """
        with self.log.open("r", errors="replace") as output:
            output.seek(self._log_start)
            rest = ""
            while True:
                code = self.poll()
                *lines, rest = (rest + output.read()).split("\n")
                for line in lines:
                    on_line(line)
                if code is not None:
                    break
                for companion in needs:
                    companion.ensure_running()
                time.sleep(POLL_SECONDS)
        if code != 0:
            raise ProcessError(
                f"{self.name} {describe_exit(code)}{self._last_words()}; see {self.log}"
            )

    def wait_until_ready(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Poll `ready` until it is true; ProcessError when the child ends or `timeout` s pass."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.ensure_running()
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{self.name} was not ready after {timeout:.0f} s; see {self.log}"
                )
            time.sleep(POLL_SECONDS)

    def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """End the whole tree: SIGTERM to the child, up to `grace` seconds, then SIGKILL to all."""
        if self.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout=grace)
        self._tree.kill()
        self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _last_words(self) -> str:
        """Why it ended, by its log, in brackets for an error sentence.

        That is the last line it signed with its name, as our own commands do, or else the last
        one that has words in it: launchers frame their reports with rules.
        """
        with self.log.open("r", errors="replace") as output:
            output.seek(self._log_start)
            lines = [line.strip() for line in output if any(map(str.isalpha, line))]
        signed = [line for line in lines if line.startswith(f"{self.name}: ")]
        words = (signed or lines)[-1:]
        return f" ({words[0].removeprefix(f'{self.name}: ')[:300]})" if words else ""


def describe_exit(code: int) -> str:
    """An exit code in words: 'ended with exit code 3', 'was killed by SIGKILL'."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
