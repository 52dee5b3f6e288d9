"""The gateway: OpenAI's API in front of Amazon Bedrock, SageMaker and own model servers.

    python -m workloads.gateway --config gateway.toml

Without --config the file's text is the environment variable GATEWAY_CONFIG. Credentials, region
and endpoints come from the AWS SDK's standard environment. Ends with 2 and one sentence if
the configuration cannot be used. On SIGTERM it says "not ready" for the seconds of --leave, then
answers what it has begun, and ends with 0.
"""

import argparse
import asyncio
import gc
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from workloads.command import end
from workloads.gateway.app import Gateway
from workloads.gateway.aws import Aws
from workloads.gateway.backends.build import build_backends
from workloads.gateway.config import GatewayConfigError, GatewayFile, parse
from workloads.gateway.places import Places, open_places
from workloads.gateway.remote_images import RemoteImages
from workloads.gateway.seen.logs import to_json
from workloads.gateway.seen.observer import Observer
from workloads.gateway.seen.setup import observed
from workloads.gateway.server import Server, flush
from workloads.gateway.tenants import Tenants
from workloads.gateway.upstream import client_session

# Those of all requests in flight are looked through for cycles once there are so many more of them,
# not at Python's 700, which is every few requests.
YOUNG_OBJECTS = 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.gateway",
        description="OpenAI's API in front of Amazon Bedrock, SageMaker and own model servers.",
    )
    parser.add_argument("--config", type=Path, help="the gateway file (default: $GATEWAY_CONFIG)")
    parser.add_argument("--table", help="DynamoDB table of tenants, next to the file's own")
    parser.add_argument("--ledger-table", help="DynamoDB table of what was used and spent")
    parser.add_argument(
        "--state", type=Path, help="SQLite file of tenants and ledger, made where it is missing"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: a free one")
    parser.add_argument(
        "--leave",
        type=float,
        default=0,
        metavar="SECONDS",
        help="after SIGTERM: serve on as not ready, so that a load balancer turns to others",
    )
    options = parser.parse_args(arguments)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        file = read_config(options.config, os.environ.get("GATEWAY_CONFIG"))
        places = Places(options.table, options.ledger_table, options.state)
        if not file.tenants and not places.table and not places.state:
            raise GatewayConfigError(
                "nobody could call this gateway: give it [[tenants]] in its file, --table, or "
                "--state"
            )
        listener = listen(options.host, options.port)
        with (
            observed(
                service=os.environ.get("GATEWAY_SERVICE"),
                traced=bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
            ) as observer,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(serve(file, places, region, listener, options.leave, observer))
    except GatewayConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # before it served
        sys.exit(130)


def read_config(path: Path | None, text: str | None) -> GatewayFile:
    """The file at `path`, else the one in `text`. Raises GatewayConfigError."""
    if path is not None:
        try:
            return parse(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise GatewayConfigError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise GatewayConfigError(f"{path} is not UTF-8 text: {error}") from error
    if text:
        return parse(text, "GATEWAY_CONFIG")
    raise GatewayConfigError("there is no configuration: give --config FILE, or set GATEWAY_CONFIG")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises GatewayConfigError if the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise GatewayConfigError(f"cannot listen on {host} port {port}: {error}") from error


async def serve(
    file: GatewayFile,
    places: Places,
    region: str | None,
    listener: socket.socket,
    leave: float,
    observer: Observer,
) -> None:
    """Serve until a signal to stop. Raises GatewayConfigError if AWS cannot be set up."""
    async with client_session() as http:
        aws = Aws(region, http)
        guarded = places.table is not None or any(tenant.guardrail for tenant in file.tenants)
        backends = build_backends(file.models, file.guardrail, http, aws.upstream, guarded=guarded)
        rows, ledger, limits = open_places(places, aws)
        renewal = asyncio.create_task(aws.credentials.keep_fresh()) if aws.used else None
        gateway = Gateway(
            models=file.models,
            backends=backends,
            tenants=Tenants(file.tenants, rows),
            ledger=ledger,
            limits=limits,
            is_ready=lambda: not aws.used or aws.credentials.fresh,
            observer=observer,
            images=RemoteImages(file.remote_images),
            claim=file.jwt.claim if file.jwt else None,
        )
        server = Server(gateway, leave=leave)
        server.stop_at_signals()
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        message = f"gateway listens on {url} and waits for requests"
        print(
            to_json({"level": "info", "event": "listening", "message": message}).decode(),
            flush=True,
        )
        observer.start()
        gc.freeze()  # what is loaded by now stays: looking through it cost a sixth of every answer
        gc.set_threshold(YOUNG_OBJECTS)
        await server.serve(sockets=[listener])
        await server.drained()
        await flush(ledger)
        if renewal is not None:
            renewal.cancel()


if __name__ == "__main__":
    end(main)
