"""Service quotas: what an account may have of something, and how to ask for more."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from operations.preflight.aws import Refused
from operations.preflight.registry import Case, Found, Severity

# An account's own value where it has one, and else AWS's default: some quotas stand in the second
# list alone (Service Quotas API reference, ListServiceQuotas).
ASKS = ("service-quotas:ListServiceQuotas", "service-quotas:ListAWSDefaultServiceQuotas")
SOURCE = "https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html"


@dataclass(frozen=True)
class Quota:
    """A quota by its service's code and its own, and what it counts."""

    service: str
    code: str
    counts: str


@dataclass(frozen=True)
class Limit:
    """A quota as an account has it."""

    service: str
    code: str
    name: str
    value: float
    region: str


# Services whose quotas are of the account, and managed in one region: S3 user guide, "General
# purpose bucket quotas, limitations, and restrictions".
_OF_ACCOUNT = {"s3": "us-east-1"}


def limits(case: Case, service: str) -> list[Limit]:
    """Every quota of a service."""
    region = _OF_ACCOUNT.get(service, case.region)
    found: dict[str, Limit] = {}
    for operation in ("ListAWSDefaultServiceQuotas", "ListServiceQuotas"):
        answer = case.ask("service-quotas", operation, region=region, ServiceCode=service)
        for row in answer["Quotas"]:
            code = row["QuotaCode"]
            found[code] = Limit(service, code, row["QuotaName"], row["Value"], region)
    return list(found.values())


def limit(case: Case, quota: Quota) -> Limit:
    """One quota. Raises Refused where AWS lists none with its code."""
    for found in limits(case, quota.service):
        if found.code == quota.code:
            return found
    asked = f"the quota of {quota.counts}"
    raise Refused(asked, "NoSuchQuota", f"{quota.service} lists no {quota.code}")


def increase(limit: Limit, value: float) -> str:
    """The command that asks AWS for more."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {limit.service} "
        f"--quota-code {limit.code} --desired-value {math.ceil(value)} --region {limit.region}"
    )


def room(
    case: Case, quota: Quota, *, used: float, need: float, severity: Severity = "fails"
) -> Iterator[Found]:
    """Say so where a quota has no room for what the environment adds."""
    has = limit(case, quota)
    if need and used + need > has.value:
        yield Found(
            severity,
            f"{quota.counts}: the quota {has.code} is {has.value:g}, {used:g} are in use, and "
            f"{case.name} adds {need:g}",
            increase(has, used + need),
        )
