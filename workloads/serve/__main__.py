"""Serve an exported model on this machine's CPU through OpenAI's API.

python -m workloads.serve --model model --port 8000

/v1/chat/completions and /v1/completions, whole or streamed; /v1/models; /health once ready;
/metrics has the length of the queue, by vLLM's names.
"""

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import uvicorn

from workloads.command import InputError, Parser, count, end, progress, run
from workloads.files import open_folder
from workloads.serve.app import Server
from workloads.serve.engine import Engine

GRACE_SECONDS = 5  # for answers under way when the server is told to end
_WAITING = 2048  # connections that are not taken yet, as uvicorn has it


def parser() -> Parser:
    options = Parser(prog="python -m workloads.serve", description=__doc__)
    add = options.add_argument
    add("--model", required=True, metavar="URI", help="what export wrote: a folder or s3://")
    add("--name", help="what clients call the model (the folder's name)")
    add("--host", default="127.0.0.1", help="(%(default)s)")
    add("--port", type=count(0, 65_535), default=8000, help="0 takes a free one (%(default)s)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    def work() -> None:
        options = parser().parse_args(argv)
        name = options.name or PurePosixPath(options.model).name
        if not name:
            raise InputError(f"--model {options.model} ends in no name; give one with --name")
        with _bind(options.host, options.port) as listener:
            engine = _load(options.model)
            host, port = listener.getsockname()[:2]
            listener.listen(_WAITING)  # who reads the line below may connect at once
            progress(f"serving {name} at http://{host}:{port}/v1")
            config = uvicorn.Config(
                Server(engine, name=name).app(),
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
            uvicorn.Server(config).run(sockets=[listener])

    return run("serve", work)


def _bind(host: str, port: int) -> socket.socket:
    """The address is ours before the model is loaded; nothing listens on it until then."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"cannot listen on {host} port {port}: {reason}; give another --host or --port"
        ) from None
    return listener


def _load(uri: str) -> Engine:
    """The engine, from a copy on this machine if the folder is elsewhere."""
    folder = open_folder(uri)
    with tempfile.TemporaryDirectory(prefix="serve-") as scratch:
        names = [name for name in folder.names() if "/" not in name]
        return Engine(folder.download(names, Path(scratch)))


if __name__ == "__main__":
    end(main)
