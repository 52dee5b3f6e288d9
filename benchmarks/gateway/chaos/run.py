"""One run: clients, gateway, backend, and the kills between them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from benchmarks.gateway.chaos.audit import Audit, read_rows, read_sums
from benchmarks.gateway.chaos.backend import Backend
from benchmarks.gateway.chaos.clients import Asked, ask
from benchmarks.gateway.chaos.gateway import Gateway

CLIENTS = 64  # at a time


def run(
    folder: Path, environment: Mapping[str, str], *, requests: int, seed: int, kills: int = 2
) -> Audit:
    """Ask `requests` times, killing the gateway at even distances; its files are in `folder`."""
    asked, backend, gateway, code = asyncio.run(_run(folder, environment, requests, seed, kills))
    if code != 0:
        raise SystemExit(f"the gateway ended with {code}: {gateway.log.read_text()}")
    sums = read_sums(gateway.state)  # first: it opens the ledger, which moves what is beside it
    return Audit(asked, backend.attempts, gateway, read_rows(gateway.state), sums)


async def _run(
    folder: Path, environment: Mapping[str, str], requests: int, seed: int, kills: int
) -> tuple[list[Asked], Backend, Gateway, int]:
    backend = Backend(seed)
    await backend.start()
    gateway = Gateway(folder, backend.port, environment)
    await gateway.start()
    try:
        asked = await _ask_all(gateway, requests, seed, kills)
        return asked, backend, gateway, await gateway.stop()
    finally:
        gateway.abandon()


async def _ask_all(gateway: Gateway, requests: int, seed: int, kills: int) -> list[Asked]:
    asked: list[Asked] = []
    tags = iter(range(1, requests + 1))
    kill_at = [requests * number // (kills + 1) for number in range(1, kills + 1)]

    async def client(session: aiohttp.ClientSession) -> None:
        for tag in tags:
            asked.append(await ask(gateway, session, tag, seed))

    async def killer() -> None:
        for answers in kill_at:
            while len(asked) < answers:
                await asyncio.sleep(0.001)
            await gateway.kill_and_restart()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        group.create_task(killer())
        for _ in range(CLIENTS):
            group.create_task(client(session))
    return asked
