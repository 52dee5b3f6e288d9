"""A job as processes of this machine: a process stands for each pod, told what a pod is told."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO

from workloads.command import InputError, StageError
from workloads.jobs.environment import FIRST, INDEX, PORT, command, variables
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool

_POLL_SECONDS = 0.1
_USAGE = 2


def run_here(
    job: Job, pool: Pool, *, environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Run the job's pods side by side, and a gang again as a whole when one of them fails.

    `environment` is this process's own, below what the job is told. Tasks fail for good at once:
    the same command goes on where they were. Lines of output have the pod's index in front.
    StageError: it failed; InputError: a stage found its user's wish impossible.
    """
    if job.before:
        raise InputError(f"{job.name} fetches what is compiled for a pool's devices; run it there")
    attempts = job.retries + 1 if job.gang else 1
    for attempt in range(1, attempts + 1):
        told = {**environment, **variables(job, pool)}
        if job.gang:
            told |= {FIRST: "127.0.0.1", PORT: str(_free_port())}
        code = _attempt(job, told, say)
        if code == 0:
            return
        if code == _USAGE:
            raise InputError(f"{job.name} was refused; the reason stands above")
        if attempt < attempts:
            say(f"{job.name}: a pod ended with {code}; restart {attempt} of {job.retries}")
    raise StageError(f"{job.name}: a pod ended with {code}; the reason stands above")


def _attempt(job: Job, told: dict[str, str], say: Callable[[str], None]) -> int:
    """The first exit code that is not 0, after which the other pods are ended."""
    pods: list[subprocess.Popen[str]] = []
    readers = []
    try:
        for index in range(job.pods):
            pods.append(_start(job, told, index))
            reader = threading.Thread(target=_pass_on, args=(pods[-1].stdout, index, say))
            reader.start()
            readers.append(reader)
        while True:
            codes = [pod.poll() for pod in pods]
            bad = [code for code in codes if code]
            if bad or None not in codes or (job.first_decides and codes[0] == 0):
                return bad[0] if bad else 0
            running = next(pod for pod in pods if pod.returncode is None)
            try:
                running.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        _end(pods, job.grace_seconds)
        for reader in readers:
            reader.join()


def _start(job: Job, told: dict[str, str], index: int) -> subprocess.Popen[str]:
    told = {**told, INDEX: str(index)}
    argv = [_expand(part, told) for part in command(job)]
    if argv[0] == "python":
        argv[0] = sys.executable
    try:
        return subprocess.Popen(
            argv,
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise StageError(f"{argv[0]} cannot be started here: {error.strerror}") from error


def _expand(text: str, told: Mapping[str, str]) -> str:
    """$(NAME) by its value and $$ by $, as the kubelet does; an unknown name stays."""
    return re.sub(
        r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)",
        lambda found: "$" if found[0] == "$$" else told.get(found[1], found[0]),
        text,
    )


def _pass_on(output: IO[str] | None, index: int, say: Callable[[str], None]) -> None:
    for line in output or ():
        say(f"{index}: {line.rstrip()}")


def _end(pods: list[subprocess.Popen[str]], grace_seconds: float) -> None:
    """SIGTERM to those that run, and SIGKILL to what then is left."""
    for number, wait in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, None)):
        for pod in pods:
            if pod.poll() is None:
                os.killpg(pod.pid, number)
        for pod in pods:
            try:
                pod.wait(wait)
            except subprocess.TimeoutExpired:
                continue


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
