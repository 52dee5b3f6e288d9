"""The emulator's process: python -m operations.embedded.extension PORT PORT_FILE.

Listens on 127.0.0.1:PORT (0: a free one), then writes the port into PORT_FILE. Ends with
the process that started it.
"""

import argparse
import asyncio
import os
import socket
import threading
import time
from pathlib import Path

from workloads.command import end

PARENT_POLL_SECONDS = 1.0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operations.embedded.extension")
    parser.add_argument("port", type=int)
    parser.add_argument("port_file", type=Path)
    args = parser.parse_args(argv)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", args.port))
    except OSError as error:
        print(f"port {args.port} cannot be used: {error.strerror}; choose another, or 0 for any")
        return 2
    port = listener.getsockname()[1]
    # ministack reads the port from the environment while it is imported.
    os.environ["GATEWAY_PORT"] = str(port)
    from operations.embedded.extension.server import serve

    args.port_file.write_text(str(port))
    asyncio.run(serve(listener))
    return 0


def _end_with(parent: int) -> None:
    """Leave no emulator behind when the process that started it dies without stopping it."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    end(main)
