"""How the first pod starts processes on the others: sshd, and a key that only this job has.

The image has OpenSSH: aws-neuron/deep-learning-containers, pytorch/training, Dockerfile.neuronx.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from workloads.command import StageError

_TOLD = ("PATH", "LD_LIBRARY_PATH", "FI_", "NEURON_", "CCOM_", "MALLOC_")
_RETRY_SECONDS = 1.0


def names(first: str, nodes: int) -> list[str]:
    """The pods of a gang by the first one's name, NAME-node-0-0.NAME."""
    host, _, service = first.partition(".")
    return [f"{host.removesuffix('0')}{index}.{service}" for index in range(nodes)]


def serve(secrets: Path, port: int, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """An sshd that lets in who has the job's key, and hands on what this pod was told."""
    program = shutil.which("sshd", path=environment.get("PATH")) or "/usr/sbin/sshd"
    told = " ".join(f"{k}={v}" for k, v in environment.items() if k.startswith(_TOLD))
    options = {
        "AuthorizedKeysFile": secrets / "id.pub",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "SetEnv": told,
        "StrictModes": "no",
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    try:
        return subprocess.Popen(
            [
                program,
                "-D",
                "-e",
                "-f",
                "/dev/null",
                "-p",
                str(port),
                "-h",
                str(secrets / "id"),
                *flags,
            ]
        )
    except OSError as error:
        raise StageError(f"{program} cannot be started: {os.strerror(error.errno or 0)}") from error


def configure(secrets: Path, home: Path, port: int) -> None:
    """Let `ssh` of this pod use the job's key."""
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "config").write_text(
        f"Host *\n  Port {port}\n  IdentityFile {secrets / 'id'}\n"
        "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    )


def addresses(hosts: Sequence[str], port: int, patience_seconds: float) -> list[str]:
    """The hosts' IPv4 addresses, once each of them answers. StageError: one never did."""
    deadline = time.monotonic() + patience_seconds
    found = []
    for host in hosts:
        while True:
            try:
                with socket.create_connection((host, port), timeout=_RETRY_SECONDS) as connection:
                    found.append(str(connection.getpeername()[0]))
                    break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise StageError(
                        f"{host} did not answer in {patience_seconds:.0f} s ({error})"
                    ) from error
                time.sleep(_RETRY_SECONDS)
    return found
