"""What AWS charges, each price with its date and where it is from.

prices.json beside this file has tables of type -> region -> [USD per instance and hour, source]:
`on_demand` (Linux, shared tenancy), `capacity_block`, `spot` (as observed on that day, in the
dearest zone), `hosting` (SageMaker's real-time endpoints) and `compared` (on demand, of types that
no pool may name). `services` is everything else: what one unit of it costs. The region `*` is a
rate whose page names none: it holds wherever AWS offers the thing. A price that is not there is
unknown: nothing here derives one from another region, size or year. `python -m operations.prices`
renews it. Standard library only, as the hardware table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.hardware import INSTANCES

FILE = Path(__file__).parent / "prices.json"
ANY_REGION = "*"

# Table of prices.json -> how an instance of it is bought.
BOUGHT = {
    "on_demand": "on demand",
    "capacity_block": "capacity block",
    "spot": "spot",
    "hosting": "real-time endpoint",
    "compared": "on demand",
}


class UnknownPrice(LookupError):
    """There is no price; the text is one sentence that says for what, and what there is.
    `elsewhere`: the dearest in USD that another region is known to ask for the same."""

    def __init__(self, text: str, elsewhere: float | None = None) -> None:
        super().__init__(text)
        self.elsewhere = elsewhere


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where prices are from; `date` is a year, a month or a day of ISO 8601."""

    name: str
    date: str
    what: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one instance costs per hour."""

    instance_type: str
    region: str
    bought: str  # one of BOUGHT
    usd_per_hour: float
    source: Source

    def __str__(self) -> str:
        where = "any region" if self.region == ANY_REGION else self.region
        return (
            f"{self.usd_per_hour:,.10g} USD per hour for {self.instance_type} in {where},"
            f" {self.bought}, as of {self.source.date} ({self.source.what})"
        )


@dataclass(frozen=True, kw_only=True)
class ServicePrice:
    """What one unit of a service costs: an hour or a month of a thing, a GB, a million requests."""

    service: str
    what: str
    per: str
    region: str
    usd: float
    source: Source

    def __str__(self) -> str:
        where = "any region" if self.region == ANY_REGION else self.region
        return (
            f"{self.usd:,.10g} USD per {self.per}, {self.what} in {where},"
            f" as of {self.source.date} ({self.source.what})"
        )


@dataclass(frozen=True, kw_only=True)
class Service:
    """A row of `services`; `prices` by region."""

    what: str
    per: str
    prices: Mapping[str, ServicePrice]


Instances = Mapping[str, Mapping[str, Price]]  # type -> region -> price


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Everything prices.json holds."""

    on_demand: Instances
    capacity_block: Instances
    spot: Instances
    hosting: Instances
    compared: Instances
    services: Mapping[str, Service]

    def find(self, instance_type: str, region: str, *, capacity_block: bool = False) -> Price:
        """The price to buy an instance at; UnknownPrice where the table has none."""
        if not capacity_block and instance_type in self.compared:
            return _of(self.compared, instance_type, region, "on demand")
        if instance_type not in INSTANCES:
            raise UnknownPrice(
                f"{instance_type!r} is not an instance type of hardware.json,"
                " so its price is unknown"
            )
        if capacity_block:
            return _of(self.capacity_block, instance_type, region, "capacity block")
        return _of(self.on_demand, instance_type, region, "on demand")

    def find_spot(self, instance_type: str, region: str) -> Price:
        """What Spot cost when it was looked at: it moves all the time."""
        return _of(self.spot, instance_type, region, "spot")

    def find_hosting(self, hosting_type: str, region: str) -> Price:
        """What an instance of a SageMaker endpoint costs, `ml.` and all."""
        return _of(self.hosting, hosting_type, region, "real-time endpoint")

    def find_service(self, service: str, region: str) -> ServicePrice:
        """What one unit of a row of `services` costs; KeyError if there is no such row."""
        row = self.services[service]
        price = row.prices.get(region) or row.prices.get(ANY_REGION)
        if price is None:
            raise UnknownPrice(
                f"the price of {row.what} in {region}, per {row.per}, is unknown;"
                f" prices.json has it in {_elsewhere(row.prices)}",
                max((other.usd for other in row.prices.values()), default=None),
            )
        return price


def _elsewhere(prices: Mapping[str, ServicePrice]) -> str:
    """What other regions ask, for whoever wants to know how large the gap may be."""
    known = (f"{region} ({price.usd:,.10g} USD)" for region, price in sorted(prices.items()))
    return ", ".join(known) or "no region"


def _of(table: Instances, instance_type: str, region: str, bought: str) -> Price:
    regions = table.get(instance_type, {})
    price = regions.get(region)
    instance = INSTANCES.get(instance_type.removeprefix("ml."))
    if price is None and instance and region in instance.zones:
        price = regions.get(ANY_REGION)
    if price is None:
        raise UnknownPrice(
            f"the price of {instance_type} in {region}, {bought}, is unknown;"
            f" {_alternatives(instance_type, regions, bought)}",
            max((other.usd_per_hour for other in regions.values()), default=None),
        )
    return price


def _alternatives(instance_type: str, regions: Mapping[str, Price], bought: str) -> str:
    if regions:
        zones = INSTANCES[instance_type].zones if instance_type in INSTANCES else {}
        named = sorted(zones if ANY_REGION in regions else regions)
        return f"prices.json has it in {', '.join(named)}"
    if bought == "capacity block":
        return "prices.json has no Capacity Block of it"
    if bought == "on demand" and not INSTANCES[instance_type].sold_on_demand:
        return "EC2 does not sell it on demand"
    return "prices.json has it in no region"


def read(text: str) -> PriceTable:
    """The table of a prices.json."""
    raw = json.loads(text)
    sources = {name: Source(name=name, **row) for name, row in raw["sources"].items()}

    def instances(key: str) -> dict[str, dict[str, Price]]:
        return {
            instance_type: {
                region: Price(
                    instance_type=instance_type,
                    region=region,
                    bought=BOUGHT[key],
                    usd_per_hour=usd,
                    source=sources[source],
                )
                for region, (usd, source) in regions.items()
            }
            for instance_type, regions in raw.get(key, {}).items()
        }

    return PriceTable(
        **{key: instances(key) for key in BOUGHT},
        services={key: _service(key, row, sources) for key, row in raw.get("services", {}).items()},
    )


def _service(key: str, row: Mapping[str, Any], sources: Mapping[str, Source]) -> Service:
    what, per = row["what"], row["per"]
    prices = {
        region: ServicePrice(
            service=key, what=what, per=per, region=region, usd=usd, source=sources[source]
        )
        for region, (usd, source) in row["prices"].items()
    }
    return Service(what=what, per=per, prices=prices)


PRICES = read(FILE.read_text("utf-8"))
