"""Ports and servers on this machine's own address."""

import socket
import urllib.error
import urllib.request

HOST = "127.0.0.1"


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port`."""
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with success within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1.0) as response:
            return bool(response.status < 300)
    except (urllib.error.URLError, OSError):
        return False
