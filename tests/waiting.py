"""Waiting for what others do, on a machine that may do much else.

A test waits until something is so, and not for a time in which it should be; PATIENCE only ends a
wait for what will never be.
"""

import random
import socket
import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds
DAY = 86_400


def wait_for(condition: Callable[[], object]) -> None:
    """Until it is so; an AssertionError if it never is."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def stay_within_a_day() -> None:
    """Before what is counted by day: at the end of one (UTC), wait for the next."""
    left = DAY - time.time() % DAY
    if left < PATIENCE:
        time.sleep(left)


def free_port() -> int:
    """For what must be told its port before it listens.

    Linux gives the ports from 32768 on to whoever asks for any, and to connections that go out.
    """
    while True:
        port = random.SystemRandom().randrange(16_384, 32_768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
