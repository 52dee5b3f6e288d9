"""The gateway: OpenAI's API in front of Amazon Bedrock, SageMaker and own model servers.

    python -m workloads.gateway --config gateway.toml

Without --config the file's text is the environment variable GATEWAY_CONFIG. Credentials, region
and endpoints come from the AWS SDK's standard environment. Ends with 2 and one sentence if
the configuration cannot be used; on SIGTERM answers what it has begun, then ends with 0.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from workloads.gateway.app import Gateway
from workloads.gateway.aws import Aws
from workloads.gateway.backends.build import build_backends
from workloads.gateway.config import GatewayConfigError, GatewayFile, parse
from workloads.gateway.tenants import Tenants, TenantTable
from workloads.gateway.upstream import client_session

# Longer than any idle timeout of a load balancer (at most 4000 s for an ALB): one that reuses a
# connection the gateway is just closing answers its client with 502.
KEEP_ALIVE_SECONDS = 4_010
# How long streams may go on after SIGTERM; ECS waits at most 120 s before it kills.
DRAIN_SECONDS = 110


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and the environment, and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.gateway",
        description="OpenAI's API in front of Amazon Bedrock, SageMaker and own model servers.",
    )
    parser.add_argument("--config", type=Path, help="the gateway file (default: $GATEWAY_CONFIG)")
    parser.add_argument("--table", help="DynamoDB table of tenants, next to the file's own")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0: a free one")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        file = read_config(options.config, os.environ.get("GATEWAY_CONFIG"))
        if not file.tenants and not options.table:
            raise GatewayConfigError(
                "nobody could call this gateway: give it [[tenants]] in its file, or --table"
            )
        listener = listen(options.host, options.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(file, options.table, region, listener))
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
    file: GatewayFile, table: str | None, region: str | None, listener: socket.socket
) -> None:
    """Serve until a signal to stop. Raises GatewayConfigError if AWS cannot be set up."""
    async with client_session() as http:
        aws = Aws(region, http)
        backends = build_backends(file.models, file.guardrail, http, aws.upstream)
        tenant_table = TenantTable(aws.upstream("dynamodb"), table) if table else None
        renewal = asyncio.create_task(aws.credentials.keep_fresh()) if aws.used else None
        gateway = Gateway(
            models=file.models,
            backends=backends,
            tenants=Tenants(file.tenants, tenant_table),
            is_ready=lambda: not aws.used or aws.credentials.fresh,
        )
        server = Server(
            uvicorn.Config(
                gateway,
                loop="none",
                http="httptools",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here depends on who the client is
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )
        server.stop_at_signals()
        host, port = listener.getsockname()[:2]
        print(
            f"gateway listens on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True
        )
        await server.serve(sockets=[listener])
        if renewal is not None:
            renewal.cancel()


class Server(uvicorn.Server):
    """Stops at a signal and then returns; uvicorn's own would raise the signal again."""

    def stop_at_signals(self) -> None:
        """SIGTERM and SIGINT stop the server, also before it has begun to serve."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


if __name__ == "__main__":
    main()
