"""What hardware costs per hour, and from it what tokens cost."""

import argparse
from dataclasses import asdict, dataclass
from typing import Any

from workloads.command import InputError
from workloads.prices import PRICES, Price, UnknownPrice

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Rent:
    """What all the hardware under test costs per hour, and why that is said."""

    usd_per_hour: float
    basis: str
    price: Price | None = None  # of one instance; None: the user said what it costs
    instances: int = 1

    def usd_per_tokens(self, tokens: float, tokens_per_second: float) -> float | None:
        """USD for so many tokens at that throughput; None if there is none."""
        if tokens_per_second <= 0:
            return None
        return self.usd_per_hour / (tokens_per_second * SECONDS_PER_HOUR) * tokens

    def usd_for(self, seconds: float) -> float:
        """USD for all of it for so long."""
        return self.usd_per_hour * seconds / SECONDS_PER_HOUR

    def to_json(self) -> dict[str, Any]:
        about = {"usd_per_hour": self.usd_per_hour, "basis": self.basis}
        if self.price is None:
            return about
        return {**about, "instances": self.instances, "of": asdict(self.price)}


def add_options(parser: argparse.ArgumentParser, count: Any) -> None:
    """The options that say what the hardware costs."""
    options = parser.add_argument_group("cost, from the dated prices of workloads/prices.json")
    add = options.add_argument
    add("--instance-type", metavar="T", help="what it runs on, such as inf2.xlarge")
    add("--region", metavar="R", help="where, such as us-east-2")
    add("--capacity-block", action="store_true", help="bought as a Capacity Block, not on demand")
    add("--instances", type=count, default=1, metavar="N", help="how many (%(default)s)")
    add("--usd-per-hour", type=float, metavar="USD", help="of all of them, instead of these prices")


def rent(options: argparse.Namespace) -> Rent | None:
    """What the options say; None if they say nothing. InputError where the price is unknown."""
    if options.usd_per_hour is not None:
        if not 0 < options.usd_per_hour < float("inf"):
            raise InputError(f"--usd-per-hour {options.usd_per_hour} is not above 0")
        return Rent(usd_per_hour=options.usd_per_hour, basis="as given with --usd-per-hour")
    if options.instance_type is None and options.region is None:
        return None
    if options.instance_type is None or options.region is None:
        raise InputError(
            "--instance-type and --region belong together: a price is of a type in a region"
        )
    try:
        price = PRICES.find(
            options.instance_type, options.region, capacity_block=options.capacity_block
        )
    except UnknownPrice as error:
        raise InputError(f"{error}; give what you pay with --usd-per-hour") from None
    return of_instances(price, options.instances)


def of_instances(price: Price, instances: int) -> Rent:
    """What so many instances cost together."""
    times = f"{instances} x " if instances > 1 else ""
    return Rent(
        usd_per_hour=price.usd_per_hour * instances,
        basis=f"{times}{price}",
        price=price,
        instances=instances,
    )
