"""The lines of a bill: what is paid for being there, and what is paid for by use."""

from collections.abc import Iterable
from dataclasses import dataclass

from workloads.prices import PRICES, Price, ServicePrice, UnknownPrice

HOURS_PER_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one unit costs in USD; None: unknown, and `basis` says why. `per` names the unit.
    `elsewhere`: of an unknown one, the dearest in USD that another region is known to ask."""

    usd: float | None
    per: str
    basis: str
    elsewhere: float | None = None

    def monthly(self, quantity: float, *, elsewhere: bool = False) -> float | None:
        """So many of it for a month; what nobody has costs nothing, whatever its price.
        With `elsewhere` at another region's price where this one's is unknown."""
        if not quantity:
            return 0.0
        usd = self.elsewhere if elsewhere and self.usd is None else self.usd
        if usd is None:
            return None
        return usd * quantity * (HOURS_PER_MONTH if self.per == "hour" else 1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What costs by being there: `idle` of it at the minimum sizes, `full` at the maximum ones.

    `resources` of the CloudFormation type `resource` stand behind it in its stack's template.
    """

    stack: str
    what: str
    resource: str
    resources: int = 1
    idle: float
    full: float
    rate: Rate


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What costs by use: so much of it in a month, as assumed."""

    stack: str
    what: str
    resource: str
    resources: int = 1
    quantity: float
    assumed: str
    rate: Rate


@dataclass(frozen=True, kw_only=True)
class Total:
    """USD per month; not complete: at least that, for a price in it is unknown."""

    usd: float
    complete: bool

    @property
    def usd_per_hour(self) -> float:
        return self.usd / HOURS_PER_MONTH


def service(name: str, region: str) -> Rate:
    """The rate of a row of `services` in prices.json."""
    try:
        price: ServicePrice = PRICES.find_service(name, region)
    except UnknownPrice as error:
        return unknown(error, PRICES.services[name].per)
    return Rate(usd=price.usd, per=price.per, basis=str(price))


def hourly(price: Price) -> Rate:
    """The rate of an instance."""
    return Rate(usd=price.usd_per_hour, per="hour", basis=str(price))


def unknown(error: UnknownPrice, per: str = "hour") -> Rate:
    """The rate of what has no price."""
    return Rate(usd=None, per=per, basis=str(error), elsewhere=error.elsewhere)


def total(amounts: Iterable[float | None]) -> Total:
    """The sum of what is known."""
    given = list(amounts)
    known = [amount for amount in given if amount is not None]
    return Total(usd=sum(known), complete=len(known) == len(given))
