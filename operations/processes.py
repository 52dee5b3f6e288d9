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

MARK = "PROCESS_TREE"  # every descendant inherits it, so orphans are found without a parent
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


class ProcessError(RuntimeError):
    """A child ended or did not become ready; the text is one sentence that names its log."""


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
        self._mark = uuid.uuid4().hex
        marks = f"{environment.get(MARK, '')} {self._mark}".strip()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, MARK: marks},
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        """Exit code, or None while it runs (negative: the signal that ended it)."""
        return self._popen.poll()

    def check(self, *, timeout: float | None = None) -> None:
        """Wait `timeout` seconds for a clean end; anything else is a ProcessError."""
        try:
            code = self._popen.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ProcessError(
                f"{self.name} did not end within {timeout:.0f} s; see {self.log}"
            ) from None
        if code != 0:
            raise ProcessError(
                f"{self.name} {describe_exit(code)}{self._last_words()}; see {self.log}"
            )

    def wait_until_ready(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Poll `ready` until it is true; ProcessError when the child ends or `timeout` s pass."""
        deadline = time.monotonic() + timeout
        while not ready():
            code = self.poll()
            if code is not None:
                raise ProcessError(
                    f"{self.name} {describe_exit(code)} before it was ready"
                    f"{self._last_words()}; see {self.log}"
                )
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
        while survivors := list(self._tree()):
            for process in survivors:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(survivors, timeout=grace)
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

    def _tree(self) -> Iterator[psutil.Process]:
        """Every living process that carries our mark, whoever its parent is by now."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if self._mark in process.environ().get(MARK, "").split():
                    yield process

    def _last_words(self) -> str:
        """The log's last line in brackets, for an error sentence."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f" ({lines[-1].strip()[:200]})" if lines else ""


def describe_exit(code: int) -> str:
    """An exit code in words: 'ended with exit code 3', 'was killed by SIGKILL'."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
