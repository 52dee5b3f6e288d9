"""Whether the gateway's own parts can be made: certificate, tasks, load balancer, guardrail."""

from collections.abc import Iterator
from datetime import timedelta

from operations.preflight.aws import Refused
from operations.preflight.needs import GATEWAY_TASKS
from operations.preflight.quotas import ASKS, SOURCE, Quota, increase, limit, room
from operations.preflight.registry import Case, Found, question
from stacks.config import EnvironmentConfig

_STACKS = "cloudformation:DescribeStacks"
_SOON = timedelta(days=30)


def _served(config: EnvironmentConfig) -> bool:
    return bool(config.gateway.models)


@question(
    "certificate",
    "gateway",
    title="The gateway's certificate is issued, and valid for another month",
    without="The listener fails: UnsupportedCertificate or CertificateNotFound; or clients refuse "
    "the connection once it has expired.",
    asks=["acm:DescribeCertificate"],
    sources=[
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"
    ],
    when=lambda config: bool(config.gateway.certificate and config.gateway.models),
)
def certificate(case: Case) -> Iterator[Found]:
    arn = str(case.config.gateway.certificate)
    request = case.command(
        "acm request-certificate --domain-name YOUR.DOMAIN --validation-method DNS"
    )
    look = case.command(f"acm describe-certificate --certificate-arn {arn}")
    try:
        row = case.ask("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    except Refused as error:
        if error.code != "ResourceNotFoundException":
            raise
        yield Found("fails", f"there is no certificate {arn}", request)
        return
    domain, state, end = row.get("DomainName", arn), row["Status"], row.get("NotAfter")
    if state != "ISSUED":
        yield Found(
            "fails",
            f"the certificate of {domain} is {state}, not ISSUED",
            look if state == "PENDING_VALIDATION" else request,
        )
    elif end and end < case.now + _SOON:
        yield Found(
            "may fail" if end > case.now else "fails",
            f"the certificate of {domain} ends at {end:%Y-%m-%d}",
            case.command(f"acm renew-certificate --certificate-arn {arn}"),
        )


@question(
    "gateway-quotas",
    "gateway",
    title="Load balancers and Fargate's vCPUs are within their quotas",
    without="The gateway's stack fails, TooManyLoadBalancers, or its tasks do not start: you've "
    "reached the limit on the number of vCPUs.",
    asks=[*ASKS, _STACKS, "elbv2:DescribeLoadBalancers"],
    sources=[
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html",
        SOURCE,
    ],
    when=_served,
)
def gateway_quotas(case: Case) -> Iterator[Found]:
    if "gateway" in case.stacks:
        return
    doors = case.ask("elbv2", "DescribeLoadBalancers")["LoadBalancers"]
    balancers = Quota("elasticloadbalancing", "L-53DA6B97", "application load balancers")
    used = sum(row.get("Type") == "application" for row in doors)
    yield from room(case, balancers, used=used, need=1)
    least, most = GATEWAY_TASKS
    has = limit(case, Quota("fargate", "L-3032A538", "vCPUs of Fargate tasks"))
    if has.value < most:
        yield Found(
            "fails" if has.value < least else "may fail",
            f"{has.name} ({has.code}) is {has.value:g}, and the gateway starts {least} tasks of "
            f"one vCPU and grows to {most}",
            increase(has, most),
            None if has.value < least else "Under load it stops growing earlier.",
        )


@question(
    "guardrail-name",
    "gateway",
    title="No guardrail that another stack or hand made has the name of the gateway's",
    without="The gateway's stack fails: ConflictException, the guardrail's name is taken.",
    asks=[_STACKS, "bedrock:ListGuardrails"],
    sources=["https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html"],
    when=_served,
)
def guardrail_name(case: Case) -> Iterator[Found]:
    name = f"{case.name}-gateway"
    if "gateway" in case.stacks:
        return
    for row in case.ask("bedrock", "ListGuardrails")["guardrails"]:
        if row["name"] == name:
            yield Found(
                "fails",
                f"there is a guardrail {name} already, and no stack of {case.name} has made it",
                case.command(f"bedrock delete-guardrail --guardrail-identifier {row['id']}"),
            )
