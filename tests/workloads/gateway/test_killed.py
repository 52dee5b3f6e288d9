"""The gateway is killed under load, and its ledger is held against what Bedrock has answered."""

import asyncio
import random
import sqlite3
import threading
from datetime import date

import aiohttp
import pytest
from aiohttp import web

from tests.waiting import PATIENCE, stay_within_a_day
from tests.workloads.gateway.conftest import sha256
from tests.workloads.gateway.fakes import converse_answer, converse_stream, usage
from workloads.gateway.ledger.sqlite import SqliteLedger
from workloads.gateway.usage import Usage

FILE = f"""
[[models]]
name = "nova"
bedrock = "amazon.nova-lite-v1:0"
price = {{ input = 0.06, output = 0.24 }}
[[tenants]]
name = "team-a"
key_sha256 = "{sha256("sk-a")}"
"""
CLIENTS = 24
KILLS = 3
PRICE = (60_000, 240_000)  # picodollars per token


class Bedrock:
    """Answers every request with a usage of its own, and knows which request got which."""

    def __init__(self) -> None:
        self.answered: dict[str, Usage] = {}  # by the gateway's request id
        self._random = random.Random(11)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Bedrock":
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        id = (await request.json())["requestMetadata"]["request_id"]
        assert id not in self.answered, "asked twice"
        tokens = self._random.randint(1, 500), self._random.randint(1, 500)
        self.answered[id] = Usage(*tokens)
        await asyncio.sleep(self._random.uniform(0, 0.02))
        if not request.path.endswith("converse-stream"):
            return web.json_response(converse_answer({"text": "x"}, tokens=usage(*tokens)))
        response = web.StreamResponse(
            headers={"content-type": "application/vnd.amazon.eventstream"}
        )
        await response.prepare(request)
        for frame in converse_stream(["a", "b", "c"], usage(*tokens)):
            await response.write(frame)
            await asyncio.sleep(self._random.uniform(0, 0.01))
        return response


async def ask(session: aiohttp.ClientSession, url: str, stream: bool) -> str | None:
    """The id of one request, if its answer came to its end."""
    question = {"model": "nova", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=question) as response:
            body = await response.read()
            if stream and not body.endswith(b"data: [DONE]\n\n"):
                return None
            return response.headers["x-request-id"]
    except aiohttp.ClientError:
        return None


async def ask_until_dead(gateway, finished: set[str], enough: int, seconds: float) -> None:
    """Keep asking from many clients, and kill the gateway a while after it gave enough answers."""

    async def client(session: aiohttp.ClientSession, stream: bool) -> None:
        while id := await ask(session, gateway.url, stream):
            finished.add(id)

    async def kill() -> None:
        while len(finished) < enough:
            await asyncio.sleep(0.001)
        await asyncio.sleep(seconds)
        gateway.process.kill()
        gateway.process.wait()

    headers = {"authorization": "Bearer sk-a"}
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(headers=headers) as session:
        clients = (client(session, number % 2 == 0) for number in range(CLIENTS))
        await asyncio.gather(kill(), *clients)


@pytest.fixture
def killed(start_gateway, tmp_path):
    """What Bedrock answered, what clients saw the end of, and the file that was left."""
    stay_within_a_day()
    state, finished, chance = tmp_path / "state", set(), random.Random(5)
    with Bedrock() as bedrock:
        for _ in range(KILLS):
            gateway = start_gateway(FILE, "--state", str(state), AWS_ENDPOINT_URL=bedrock.url)
            enough = len(finished) + chance.randint(60, 120)
            asyncio.run(ask_until_dead(gateway, finished, enough, chance.uniform(0, 0.02)))
        return bedrock.answered, finished, state


def test_a_killed_gateway_loses_nothing_and_counts_nothing_twice(killed):
    answered, finished, state = killed

    async def restart():
        ledger = SqliteLedger(state)
        [row] = await ledger.usage(date(2020, 1, 1), date(2100, 1, 1))
        spent = await ledger.spent("team-a", row.day[:7])
        await ledger.close()
        return row, spent

    row, spent = asyncio.run(restart())
    with sqlite3.connect(state) as connection:
        rows = connection.execute("SELECT id, state, input, output, cost FROM requests").fetchall()
    settled = {id: (input, output, cost) for id, kind, input, output, cost in rows if cost}
    costs = {
        id: (tokens.input, tokens.output, tokens.input * PRICE[0] + tokens.output * PRICE[1])
        for id, tokens in answered.items()
    }

    assert len(finished) > 60 * KILLS
    assert finished <= settled.keys()
    assert settled == {id: costs[id] for id in settled}
    assert {kind for _, kind, *_ in rows} <= {"settled", "unsettled"}
    assert row.requests == len(settled)
    assert row.unsettled == len(rows) - len(settled)
    assert spent == row.cost == sum(cost for _, _, cost in settled.values())
    assert row.usage.input == sum(tokens for tokens, _, _ in settled.values())
    assert row.usage.output == sum(tokens for _, tokens, _ in settled.values())
