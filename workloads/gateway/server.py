"""The HTTP server, and how it stops without anybody noticing.

Told to stop, it first only says so: `/ready` turns 503 and every response closes its connection,
while requests are served as before, until the load balancer has noticed and sends them elsewhere.
Then it takes no more connections and lets what has begun come to its end. What has not ended when
the time is over is told so, in the form of its API.
"""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from workloads.gateway.app import Gateway
from workloads.gateway.connection import Connection
from workloads.gateway.ledger.ledger import Ledger

# Longer than any idle timeout of a load balancer (at most 4000 s for an ALB): one that reuses a
# connection the gateway is just closing answers its client with 502.
KEEP_ALIVE_SECONDS = 4_010
# From SIGTERM to the end, but for the last words to open streams and the ledger's last entries: ECS
# kills after 120 s at most.
DRAIN_SECONDS = 110
LAST_WORDS_SECONDS = 5
FLUSH_SECONDS = 4

_CLOSE = (b"connection", b"close")

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Serves one gateway. After SIGTERM it goes on for `leave` seconds before it drains.

    A second signal, and SIGINT, which nobody sends from behind a load balancer, skip that.
    """

    def __init__(self, gateway: Gateway, *, leave: float) -> None:
        super().__init__(
            uvicorn.Config(
                gateway,
                loop="none",
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,  # its lines are JSON as all others
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here depends on who the client is
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(DRAIN_SECONDS - leave)),
            )
        )
        self._gateway = gateway
        self._leave = leave

    def stop_at_signals(self) -> None:
        """SIGTERM and SIGINT stop the server, also before it has begun to serve."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self.handle_exit, signal.SIGINT, None)

    def _terminate(self) -> None:
        if self._gateway.leaving or not self.started or not self._leave:
            self.should_exit = True
            return
        self._gateway.leaving = True
        self.config.encoded_headers.append(_CLOSE)
        # What uvicorn makes anew of them every second, to be in force at once.
        self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        asyncio.get_running_loop().call_later(self._leave, self.handle_exit, signal.SIGTERM, None)

    async def drained(self) -> None:
        """After `serve`: until what was cut off has said so to its clients."""
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=LAST_WORDS_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn's own would raise the signal again after the end."""
        yield


async def flush(ledger: Ledger) -> None:
    """Close the ledger, with what waits to be written. Raises SystemExit 1 if that takes too long.

    A store that cannot be reached would be tried for ever.
    """
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await ledger.close()
    except TimeoutError:
        log.error("the ledger could not be written within %d s: entries are lost", FLUSH_SECONDS)
        raise SystemExit(1) from None
