"""The gateway under test: a process that is killed and started again where it was."""

import asyncio
import contextlib
import hashlib
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.servers import AWS

DEADLINE_SECONDS = 3
TENANTS = ("red", "green", "blue", "grey")
PRICE = "price = { input = 0.06, output = 0.24 }"
# Models, and whether they are own ones, with OpenAI's form.
MODELS = {"nova": False, "fallible": False, "own": True, "endpoint": True}


def key(tenant: str) -> str:
    """The tenant's API key."""
    return f"sk-{tenant}"


def config(port: int) -> str:
    """The gateway's file, for a backend on `port`."""
    return f"""
[[models]]
name = "nova"
bedrock = "amazon.nova-lite-v1:0"
deadline = {DEADLINE_SECONDS}
{PRICE}
[[models]]
name = "fallible"
bedrock = "amazon.fallible-v1:0"
deadline = {DEADLINE_SECONDS}
fallback = ["own"]
{PRICE}
[[models]]
name = "own"
openai = "http://127.0.0.1:{port}/v1"
deadline = {DEADLINE_SECONDS}
{PRICE}
[[models]]
name = "endpoint"
sagemaker = "chaos"
deadline = {DEADLINE_SECONDS}
{PRICE}
""" + "".join(
        f"""
[[tenants]]
name = "{tenant}"
key_sha256 = "{hashlib.sha256(key(tenant).encode()).hexdigest()}"
requests_per_minute = 1000000
tokens_per_minute = 1000000000
monthly_budget_usd = 1000000.0
"""
        for tenant in TENANTS
    )


@dataclass
class Gateway:
    """The process. `downs` are the times from a kill until it served again, monotonic."""

    folder: Path
    backend: int  # port
    environment: Mapping[str, str]
    downs: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.state = self.folder / "state.db"
        self.log = self.folder / "gateway.log"
        (self.folder / "gateway.toml").write_text(config(self.backend))
        self.up = asyncio.Event()

    async def start(self) -> None:
        """Until it serves."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workloads.gateway"),
                *("--config", str(self.folder / "gateway.toml")),
                *("--port", str(self.port)),
                *("--state", str(self.state)),
                env={
                    **{name: text for name, text in self.environment.items() if name[:4] != "AWS_"},
                    **AWS,
                    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.backend}",
                },
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise SystemExit(f"the gateway did not start: {self.log.read_text()}")
        self.up.set()

    async def kill_and_restart(self) -> None:
        """SIGKILL, in the middle of everything."""
        self.up.clear()
        killed = time.monotonic()
        self.downs.append((killed, math.inf))
        self._process.kill()
        await self._process.wait()
        await self.start()
        self.downs[-1] = (killed, time.monotonic())

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()

    def abandon(self) -> None:
        """End it, however it is."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def was_down(self, since: float, until: float) -> bool:
        """Whether it was killed or not yet back at some time between the two."""
        return any(killed <= until and since <= back for killed, back in self.downs)
