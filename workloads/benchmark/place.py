"""Where and when something was measured: a figure without it says nothing."""

import datetime
import os
import platform
from pathlib import Path


def now() -> str:
    """The moment in ISO 8601, to the second, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def this_machine() -> str:
    """The processor's name and how many processors this process may use."""
    return f"{_processor()}, {_processors()} processors"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """Linux has the name in /proc/cpuinfo; elsewhere it may be the architecture alone."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
