"""What an instance costs per hour, each price with its date and where it is from.

prices.json beside this file has two tables of type -> region -> [USD per hour, source]: `on_demand`
(Linux, shared tenancy) and `capacity_block` (what a block costs per instance and hour). The region
`*` is a rate whose page names none: it holds wherever EC2 offers the type. A price that is not
there is unknown: nothing here derives one from another region, size or year. Standard library
only, as the hardware table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workloads.hardware import INSTANCES

FILE = Path(__file__).parent / "prices.json"
ANY_REGION = "*"


class UnknownPrice(LookupError):
    """There is no price; the text is one sentence that says for what, and what there is."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where prices are from; `date` is a day or a month of ISO 8601."""

    name: str
    date: str
    what: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one instance costs per hour."""

    instance_type: str
    region: str
    bought: str  # "on demand" or "capacity block"
    usd_per_hour: float
    source: Source

    def __str__(self) -> str:
        where = "any region" if self.region == ANY_REGION else self.region
        return (
            f"{self.usd_per_hour:,.10g} USD per hour for {self.instance_type} in {where},"
            f" {self.bought}, as of {self.source.date} ({self.source.what})"
        )


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """type -> region -> price, for the two ways to buy."""

    on_demand: Mapping[str, Mapping[str, Price]]
    capacity_block: Mapping[str, Mapping[str, Price]]

    def find(self, instance_type: str, region: str, *, capacity_block: bool = False) -> Price:
        """The price; UnknownPrice where the table has none."""
        if instance_type not in INSTANCES:
            raise UnknownPrice(
                f"{instance_type!r} is not an instance type of hardware.json,"
                " so its price is unknown"
            )
        bought = "capacity block" if capacity_block else "on demand"
        regions = (self.capacity_block if capacity_block else self.on_demand).get(instance_type, {})
        price = regions.get(region)
        if price is None and region in INSTANCES[instance_type].zones:
            price = regions.get(ANY_REGION)
        if price is None:
            raise UnknownPrice(
                f"the price of {instance_type} in {region}, {bought}, is unknown;"
                f" {self._alternatives(instance_type, regions, capacity_block)}"
            )
        return price

    def _alternatives(
        self, instance_type: str, regions: Mapping[str, Price], capacity_block: bool
    ) -> str:
        if regions:
            named = sorted(INSTANCES[instance_type].zones if ANY_REGION in regions else regions)
            return f"prices.json has it in {', '.join(named)}"
        if capacity_block:
            return "prices.json has no Capacity Block of it"
        if not INSTANCES[instance_type].sold_on_demand:
            return "EC2 does not sell it on demand"
        return "prices.json has it in no region"


def read(text: str) -> PriceTable:
    """The table of a prices.json."""
    raw = json.loads(text)
    sources = {name: Source(name=name, **row) for name, row in raw["sources"].items()}

    def table(key: str, bought: str) -> dict[str, dict[str, Price]]:
        return {
            instance_type: {
                region: Price(
                    instance_type=instance_type,
                    region=region,
                    bought=bought,
                    usd_per_hour=usd,
                    source=sources[source],
                )
                for region, (usd, source) in regions.items()
            }
            for instance_type, regions in raw[key].items()
        }

    return PriceTable(
        on_demand=table("on_demand", "on demand"),
        capacity_block=table("capacity_block", "capacity block"),
    )


PRICES = read(FILE.read_text("utf-8"))
