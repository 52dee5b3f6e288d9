"""Runs in a pod before its server is told to end: wait until nobody is waiting for an answer.

python drain.py METRICS_URL SETTLE_SECONDS AT_MOST_SECONDS

vLLM drops what it is answering when it gets SIGTERM. Kubernetes takes the pod out of its service
and calls this at the same time, so that requests still arrive for SETTLE_SECONDS.
Standard library only.
"""

import re
import sys
import time
import urllib.request

# vLLM's gauges of requests; their names are the same on every kind of device.
BUSY = re.compile(r"^vllm:num_requests_(?:running|waiting)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


def under_way(metrics: str) -> float:
    """How many requests the server has, by its metrics."""
    return sum(float(value) for value in BUSY.findall(metrics))


def drain(url: str, settle: float, at_most: float) -> bool:
    """Whether the server became idle within the time."""
    end = time.monotonic() + at_most
    time.sleep(min(settle, at_most))
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if not under_way(answer.read().decode()):
                    return True
        except OSError:
            return True  # it has ended by itself
        if time.monotonic() >= end:
            return False
        time.sleep(0.5)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    drain(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
