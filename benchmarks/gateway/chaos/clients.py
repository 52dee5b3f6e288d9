"""Clients that ask once, read strictly, and sometimes leave before the end."""

import asyncio
import random
import time
from dataclasses import dataclass
from enum import Enum

import aiohttp

from benchmarks.gateway.chaos.gateway import DEADLINE_SECONDS, MODELS, TENANTS, Gateway, key
from benchmarks.gateway.chaos.readers import Chat, Converse, Failed, Messages, Told, Wrong, read

SURFACES: tuple[Chat, ...] = (Chat(), Messages(), Converse())
LEAVES = 0.05  # share of the clients that do not wait for the end
PATIENCE_SECONDS = 10  # beyond the deadline, on a machine that does much else


class Ending(Enum):
    """How a request ended, as its client saw it."""

    WHOLE = "whole answers"
    FAILED = "clean errors"
    LEFT = "left before the end"
    KILLED = "broken off by a kill of the gateway"
    WRONG = "WRONG"


@dataclass
class Asked:
    """One request and what became of it. Times are monotonic seconds."""

    tag: int
    tenant: str
    model: str
    surface: str
    streamed: bool
    began: float = 0.0
    ended: float = 0.0
    ending: Ending = Ending.WRONG
    request_id: str = ""
    status: int = 0
    told: Told | None = None
    problem: str = ""

    @property
    def late(self) -> bool:
        """Whether the gateway's deadline for it had passed at its end."""
        return self.ended - self.began >= DEADLINE_SECONDS


async def ask(gateway: Gateway, session: aiohttp.ClientSession, tag: int, seed: int) -> Asked:
    """Ask for an answer to the tag; everything about it follows from the seed."""
    chance = random.Random(f"client {seed} {tag}")
    surface = chance.choice(SURFACES)
    asked = Asked(
        tag=tag,
        tenant=chance.choice(TENANTS),
        model=chance.choice(list(MODELS)),
        surface=type(surface).__name__,
        streamed=chance.random() < 0.5,
    )
    leaves_after = chance.uniform(0, 0.1) if chance.random() < LEAVES else None
    await gateway.up.wait()
    asked.began = time.monotonic()
    try:
        async with asyncio.timeout(leaves_after or DEADLINE_SECONDS + PATIENCE_SECONDS):
            await _exchange(gateway, session, surface, asked)
    except TimeoutError:
        asked.ending = Ending.LEFT if leaves_after else Ending.WRONG
        asked.problem = "" if leaves_after else "it hung beyond its deadline"
    except Wrong as error:
        asked.problem = str(error)
    except (aiohttp.ClientError, ConnectionError) as error:
        if gateway.was_down(asked.began, time.monotonic()):
            asked.ending = Ending.KILLED
        asked.problem = f"the connection broke: {error!r}"
    asked.ended = time.monotonic()
    return asked


async def _exchange(
    gateway: Gateway, session: aiohttp.ClientSession, surface: Chat, asked: Asked
) -> None:
    path = surface.path_for(asked.model, asked.streamed)
    body = surface.body(asked.model, f"What is tag-{asked.tag}?", asked.streamed)
    headers = {"authorization": f"Bearer {key(asked.tenant)}"}
    url = f"http://127.0.0.1:{gateway.port}{path}"
    async with session.post(url, json=body, headers=headers) as response:
        found = response.headers
        names = ("x-request-id", "request-id", "x-amzn-requestid")
        asked.request_id = next((found[name] for name in names if name in found), "")
        asked.status = response.status
        data = await response.read()
    lower = {name.lower(): value for name, value in found.items()}
    outcome = read(surface, asked.streamed, asked.status, lower, data)
    if isinstance(outcome, Failed):
        asked.ending = Ending.FAILED
    else:
        asked.ending, asked.told = Ending.WHOLE, outcome
