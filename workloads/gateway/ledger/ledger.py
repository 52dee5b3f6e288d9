"""What is written down of every answer, and what can be asked of it later.

Money is counted in picodollars, 10^-12 USD, as whole numbers: a price of 0.06 USD per million
tokens is 60,000 of them per token, so that sums are exact.
"""

from asyncio import Future
from datetime import date
from typing import NamedTuple, Protocol

from workloads.gateway.usage import Usage

PICODOLLARS = 10**12  # in one USD


class Reservation(NamedTuple):
    """A request that a model is being asked; `at` in seconds since the epoch."""

    request_id: str
    at: float
    tenant: str
    model: str


class Entry(NamedTuple):
    """A request that is over. Without `usage` its tokens were never told: it stays unsettled.

    `model` is the one that answered; `cost` in picodollars, None where the model has no price.
    """

    request_id: str
    at: float
    tenant: str
    model: str
    usage: Usage | None
    cost: int | None

    @property
    def cost_usd(self) -> float | None:
        return None if self.cost is None else self.cost / PICODOLLARS


class UsageRow(NamedTuple):
    """What one tenant used of one model on one day (UTC, YYYY-MM-DD).

    `unsettled` are requests beside the settled `requests`: answers that began, of which neither
    tokens nor cost are known, because they were cut off or the gateway was killed.
    """

    day: str
    tenant: str
    model: str
    requests: int
    unsettled: int
    usage: Usage
    cost: int

    @property
    def cost_usd(self) -> float:
        return self.cost / PICODOLLARS


class Ledger(Protocol):
    """Where requests are counted, each once, under its id."""

    def reserve(self, reservation: Reservation) -> None:
        """A model is about to be asked. If the process is killed, a request that had lasted for
        more than a moment is found unsettled after it.
        """

    def release(self, request_id: str) -> None:
        """The request was never answered: there is nothing to settle."""

    def settle(self, entry: Entry) -> Future[None]:
        """Take the entry, and wait for it to be written; a second one with its id changes nothing.

        It is counted even if nobody waits. Raises ApiError 503 if it cannot be written for long.
        """

    async def spent(self, tenant: str, month: str) -> int:
        """What a tenant has spent in a month (UTC, YYYY-MM), in picodollars. Raises ApiError."""

    async def usage(self, since: date, until: date, tenant: str | None = None) -> list[UsageRow]:
        """Everything from one day to another, both included; of all tenants without `tenant`.

        In the order of day, tenant and model. Raises ApiError.
        """

    async def close(self) -> None:
        """Write what waits, and let go of the place."""
