"""A served model under load: one run for each rate, and a result with everything it rests on."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from workloads.benchmark.client import NO_TEXT, Api, Client
from workloads.benchmark.cost import Rent
from workloads.benchmark.drive import drive
from workloads.benchmark.figures import RateFigures, figures
from workloads.benchmark.plan import Arrivals, Prompt, plan
from workloads.command import StageError

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent to the server; seconds are for each rate."""

    url: str
    model: str
    api: Api
    rates: tuple[float, ...]  # requests per second
    arrivals: Arrivals
    warmup: float
    seconds: float
    timeout: float
    seed: int
    prompts: str  # in words
    extra: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured, where and when, and how to do it again."""

    load: Load
    hardware: str
    software: str
    begun: str
    command: Sequence[str]
    rent: Rent | None
    rates: Sequence[RateFigures]

    def cost(self, rate: RateFigures) -> float | None:
        """USD per million output tokens, the work on their prompts included."""
        if self.rent is None:
            return None
        return self.rent.usd_per_tokens(MILLION, rate.output_tokens_per_second)

    @property
    def knee(self) -> RateFigures | None:
        """The highest rate that the server kept up with, every lower one included."""
        best = None
        for rate in sorted(self.rates, key=lambda rate: rate.offered_per_second):
            if not rate.sustained:
                break
            best = rate
        return best

    def to_json(self) -> bytes:
        rates = [
            {
                **asdict(rate),
                "sustained": rate.sustained,
                "usd_per_million_output_tokens": self.cost(rate),
            }
            for rate in self.rates
        ]
        table = {
            "kind": "serving",
            "measured": {"begun": self.begun, "hardware": self.hardware, "software": self.software},
            "command": self.command,
            "load": asdict(self.load),
            "rent": self.rent and self.rent.to_json(),
            "rates": rates,
        }
        return json.dumps(table, indent=1, allow_nan=False).encode() + b"\n"


async def measure(
    load: Load,
    prompts: Iterator[Prompt],
    *,
    key: str | None,
    begin: Callable[[float, int], Callable[[], None]],
) -> list[RateFigures]:
    """The figures of each rate, one after the other.

    `begin` is told a rate and how many requests it takes, and gives what is called as each ends.
    StageError if the server answers nothing.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    unlimited = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=unlimited, read_bufsize=1 << 20
    ) as session:
        client = Client(
            session=session,
            url=load.url,
            model=load.model,
            api=load.api,
            timeout=load.timeout,
            extra=load.extra,
        )
        await _try(client, next(prompts))
        rates = []
        for rate in load.rates:
            planned = plan(
                prompts,
                rate=rate,
                seconds=load.warmup + load.seconds,
                arrivals=load.arrivals,
                seed=load.seed,
            )
            outcomes = await drive(client, planned, advance=begin(rate, len(planned)))
            rates.append(figures(outcomes, offered=rate, warmup=load.warmup, seconds=load.seconds))
        return rates


async def _try(client: Client, prompt: Prompt) -> None:
    """One request before all others: a wrong address or name is said at once."""
    outcome = await client.ask(prompt, time.perf_counter())
    if outcome.failure not in (None, NO_TEXT):
        raise StageError(
            f"{client.url} answers a first request for {client.model!r} with: {outcome.failure}"
        )


def hardware_of(url: str, said: str | None, rent: Rent | None, here: Callable[[], str]) -> str:
    """What serves: as said, else the instance that is paid for, else this machine if it is here."""
    if said:
        return said
    if rent is not None and rent.price is not None:
        return f"{rent.instances} x {rent.price.instance_type}"
    if any(f"//{host}" in url for host in ("127.0.0.1", "localhost", "[::1]")):
        return here()
    return "not said"
