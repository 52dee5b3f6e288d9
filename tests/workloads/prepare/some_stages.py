"""Stages for test_executor.py, in a module that worker processes can import."""

import os
import signal

from workloads.command import InputError
from workloads.files import Folder


def square(work: Folder, stem: str, number: int) -> dict[str, int]:
    work.write(f"{stem}.txt", str(number).encode())
    return {"square": number * number}


def refuse(work: Folder, stem: str) -> dict[str, int]:
    raise InputError("that cannot be")


def break_down(work: Folder, stem: str) -> dict[str, int]:
    raise OSError(28, "No space left on device")


def die(work: Folder, stem: str) -> dict[str, int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}
