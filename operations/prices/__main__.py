"""Renew workloads/prices.json from the AWS Price List API and EC2's spot price history.

  python -m operations.prices [--region R ...] [--type T ...] [--check]

Asks for every service, for the instance types of the environments and for those that the file has
in the region. Capacity Blocks have no price list: their rows stay as they are. Needs
pricing:GetProducts and ec2:DescribeSpotPriceHistory. Credentials and endpoints come from the AWS
SDK's standard environment.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.prices import ask
from operations.prices.file import Raw, differences, dump, put, tidy
from operations.prices.queries import QUERIES, Query, hosting, instance
from stacks.config import ConfigError, EnvironmentConfig, load_environments
from workloads.command import InputError, Parser, StageError, end, progress, run
from workloads.hardware import INSTANCES, REGIONS
from workloads.prices import ANY_REGION, FILE, read

_PRICING_REGION = "us-east-1"  # the API is in few regions and answers for all of them


def main(arguments: list[str] | None = None) -> int:
    """0; 1 if AWS cannot be asked, or --check finds another price; 2 for a wrong option."""
    return run("python -m operations.prices", lambda: _work(arguments))


def _work(arguments: list[str] | None) -> None:
    options = _parser().parse_args(arguments)
    environments = _environments()
    regions = options.regions or sorted({config.region for config in environments.values()})
    for region in regions:
        if region not in REGIONS:
            raise InputError(f"--region {region} is none of the regions of hardware.json")
    for name in options.types:
        if name.removeprefix("ml.") not in INSTANCES:
            raise InputError(f"--type {name} is not an instance type of hardware.json")
    old, new = _table(options.file), _table(options.file)
    session = boto3.Session()
    try:
        for region in regions:
            _renew(session, new, region, _types(environments.values(), region, options.types))
    except (BotoCoreError, ClientError) as error:
        raise StageError(f"AWS cannot be asked: {error}") from None
    new = tidy(new)
    changes = differences(old, new)
    print("\n".join(changes) or "nothing changed")
    if options.check and changes:
        raise StageError("prices have changed; run it without --check")
    if not options.check:
        try:
            options.file.write_text(dump(new), "utf-8")
        except OSError as error:
            raise StageError(f"--file {options.file}: {error.strerror}") from None


def _table(file: Path) -> Raw:
    try:
        text = file.read_text("utf-8")
        read(text)
    except OSError as error:
        raise InputError(f"--file {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"--file {file} is no table as workloads/prices.json is") from None
    table: Raw = json.loads(text)
    return table


def _renew(session: boto3.Session, raw: Raw, region: str, types: Iterable[str]) -> None:
    """Put everything that AWS has a price for in the region; say what it has none for."""
    now = datetime.now(UTC)
    day = now.date().isoformat()
    asked, seen = f"price-list-api-{day}", f"spot-history-{day}"
    raw["sources"][asked] = {"date": day, "what": "the AWS Price List API's answer", "url": None}
    raw["sources"][seen] = {
        "date": day, "what": "EC2's spot price history, the dearest zone of the day", "url": None,
    }  # fmt: skip
    pricing = session.client("pricing", region_name=_PRICING_REGION)
    for table, name, query in _questions(raw, region, types):
        try:
            where = region if query.region_field else ANY_REGION
            put(raw, table, name, where, ask.price(pricing, query, region), asked)
        except ask.NoPrice as error:
            progress(f"{error}; its row stays as it is")
    spot = [name for name in types if _in_ec2(name, region) and "spot" in _classes(name)]
    if spot:
        ec2 = session.client("ec2", region_name=region)
        for name, usd in ask.spot(ec2, spot, now).items():
            put(raw, "spot", name, region, usd, seen)


def _questions(raw: Raw, region: str, types: Iterable[str]) -> Iterable[tuple[str, str, Query]]:
    """(table, row, what to ask) for all that the region may have."""
    for name, query in QUERIES.items():
        yield "services", name, query
    for name in types:
        if name.startswith("ml."):
            yield "hosting", name, hosting(name)
        elif _in_ec2(name, region) and INSTANCES[name].sold_on_demand:
            yield "on_demand", name, instance(name)
    for table, question in (("on_demand", instance), ("compared", instance), ("hosting", hosting)):
        for name, prices in raw[table].items():
            if region in prices and (table == "compared" or name not in types):
                yield table, name, question(name)


def _types(
    environments: Iterable[EnvironmentConfig], region: str, wanted: Iterable[str]
) -> tuple[str, ...]:
    """The types that environments of the region use, and those asked for; endpoints' with ml."""
    here = [config for config in environments if config.region == region]
    pools = (pool.instance_type for config in here for pool in config.pools)
    endpoints = (endpoint.instance_type for config in here for endpoint in config.endpoints)
    return tuple(dict.fromkeys([*wanted, *pools, *endpoints]))


def _in_ec2(name: str, region: str) -> bool:
    return name in INSTANCES and region in INSTANCES[name].zones


def _classes(name: str) -> tuple[str, ...]:
    return INSTANCES[name].usage_classes


def _environments() -> Mapping[str, EnvironmentConfig]:
    try:
        return load_environments()
    except ConfigError as error:
        raise InputError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m operations.prices", description=__doc__)
    add = parser.add_argument
    add("--region", action="append", dest="regions", metavar="R",
        help="of AWS; may be repeated (default: those of the environments)")  # fmt: skip
    add("--type", action="append", dest="types", default=[], metavar="T",
        help="ask for this instance type, too, such as inf2.xlarge or ml.inf2.xlarge")  # fmt: skip
    add("--check", action="store_true", help="write nothing; exit 1 if a price is another")
    add("--file", type=Path, default=FILE, metavar="F", help="instead of workloads/prices.json")
    return parser


if __name__ == "__main__":
    end(main)
