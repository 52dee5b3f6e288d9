"""The questions to AWS: GetProducts of the Price List API, and EC2's spot price history."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from operations.prices.queries import Query

_REFUSED = ("InvalidParameterException", "NotFoundException")  # the question, not who asks it


class NoPrice(LookupError):
    """AWS answered with no price, with several, or not this question; the text says which."""


def price(pricing: Any, query: Query, region: str) -> float:
    """USD for `units` of what the query names in the region: the first tier that costs anything.

    `pricing` is boto3's client. NoPrice where there is not exactly one; BotoCoreError or
    ClientError where AWS cannot be asked at all.
    """
    what = f"{query.usage_type} of {query.service_code} in {region}"
    found = set()
    try:
        for product in _products(pricing, query, region):
            if _is(product["product"]["attributes"].get("usagetype", ""), query.usage_type):
                found |= _first_tier(product)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSED:
            raise
        raise NoPrice(f"{what}: the Price List API refuses the question: {error}") from None
    if len(found) != 1:
        many = ", ".join(f"{usd:g}" for usd in sorted(found))
        raise NoPrice(
            f"{what}: the Price List API has {'several prices: ' + many if found else 'no price'}"
        )
    return float(f"{found.pop() * query.units:.10g}")


def spot(ec2: Any, instance_types: list[str], now: datetime) -> dict[str, float]:
    """USD per hour of each type that has a spot price, in the dearest zone of ec2's region."""
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=instance_types, ProductDescriptions=["Linux/UNIX"], StartTime=now, EndTime=now
    )
    dearest: dict[str, float] = {}
    for page in pages:
        for row in page["SpotPriceHistory"]:
            name, usd = row["InstanceType"], float(row["SpotPrice"])
            dearest[name] = max(usd, dearest.get(name, 0.0))
    return dearest


def _products(pricing: Any, query: Query, region: str) -> Iterator[Mapping[str, Any]]:
    filters = {**({query.region_field: region} if query.region_field else {}), **query.filters}
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode=query.service_code,
        FormatVersion="aws_v1",
        Filters=[
            {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()
        ]
        + [{"Type": "CONTAINS", "Field": "usagetype", "Value": query.usage_type}],
    )
    for page in pages:
        yield from (json.loads(text) for text in page["PriceList"])


def _is(usage_type: str, wanted: str) -> bool:
    """USE2-LoadBalancerUsage and LoadBalancerUsage are it, TS-LoadBalancerUsage is another; KMS
    writes us-east-2-KMS-Keys."""
    return re.sub(r"^(EU|[A-Z]{3,4}\d+|[a-z]{2}(-[a-z]+)+-\d)-", "", usage_type) == wanted


def _first_tier(product: Mapping[str, Any]) -> set[float]:
    """The prices of the lowest tier that is not free, of each on-demand term."""
    prices = set()
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(
            (float(dimension["beginRange"]), float(dimension["pricePerUnit"]["USD"]))
            for dimension in term["priceDimensions"].values()
            if "USD" in dimension["pricePerUnit"]
        )
        charged = [usd for _, usd in tiers if usd]
        prices |= set(charged[:1])
    return prices
