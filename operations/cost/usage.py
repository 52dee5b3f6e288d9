"""What costs by use: each with its unit price, and the month's use that is assumed.

Nothing of it is in the totals of what stands; nothing of it is zero without a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from operations.cost.bill import HOURS_PER_MONTH, Rate, Usage, service
from operations.cost.standing import interface_endpoints, metered, watched
from stacks.config import EnvironmentConfig
from workloads.gateway.config import ModelConfig
from workloads.prices import PRICES

THOUSAND, MILLION = 1_000, 1_000_000
MINUTES_PER_HOUR = 60
_TOKENS_IN, _TOKENS_OUT = 1_000, 250  # of a request to a model of Bedrock
_TEXT_UNITS = 5  # of a request and its answer: 1,000 characters each (Bedrock's pricing page)
_METRICS = 30  # that Container Insights makes of one ECS cluster with one service
_OWN_METRICS = 8  # workloads/gateway/seen/emf.py
# Units of a request in the ledger: an entry and its counters, twice because in a transaction
# (DynamoDB developer guide, "Capacity management for transactions").
_WRITES = 4
# Stack -> its log groups, and for how many months they keep what was written.
_LOGS = {"network": (1, 1), "cluster": (2, 1), "gateway": (2, 3)}


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """A month's use."""

    gb_out: float = 100
    gb_stored: float = 500
    gb_logs: float = 10
    requests: float = MILLION
    # Of a trn1.32xlarge: 7 of each of 32 NeuronCores, 11 of each of 8 EFA interfaces, 1 of each of
    # 16 devices, and those of the node and a dozen pods (stacks/observability/pools.py has the
    # source). Not measured.
    observations: float = THOUSAND


def lines(config: EnvironmentConfig, month: Assumptions) -> list[Usage]:
    """Every line, stack by stack, at the prices of the environment's region."""
    return [
        *_network(config, month),
        *_storage(config, month),
        *_logs(config, month),
        *_functions(config),
        *_watching(config, month),
        *(_gateway(config, month) if config.gateway.models else ()),
    ]


def _network(config: EnvironmentConfig, month: Assumptions) -> Iterator[Usage]:
    if config.network.egress == "nat":
        out = f"{month.gb_out:g} GB a month leave the VPC (--gb-out)"
        nat = "AWS::EC2::NatGateway"
        yield _of(config, "network", "nat_gateway_gb", nat, month.gb_out, out)
        yield _of(
            config, "network", "internet_out_gb", "AWS::EC2::InternetGateway", month.gb_out, out
        )
    yield _of(
        config,
        "network",
        "vpc_endpoint_gb",
        "AWS::EC2::VPCEndpoint",
        month.gb_logs,
        f"as much as a stack logs, {month.gb_logs:g} GB (--gb-logs); S3 and images pass for free",
        resources=interface_endpoints(config),
    )


def _storage(config: EnvironmentConfig, month: Assumptions) -> Iterator[Usage]:
    stored = f"{month.gb_stored:g} GB in all buckets together (--gb-stored)"
    rows = (
        ("s3_gb_month", month.gb_stored, stored),
        ("s3_put_thousand", 100.0, "100,000 objects written or listed"),
        ("s3_monitoring_thousand", 10.0, "10,000 objects that Intelligent-Tiering watches"),
    )
    for row, quantity, assumed in rows:
        yield _of(config, "storage", row, "AWS::S3::Bucket", quantity, assumed, resources=5)
    yield _of(
        config, "storage", "ecr_gb_month", "AWS::ECR::Repository", 40.0, "40 GB, a few images"
    )


def _logs(config: EnvironmentConfig, month: Assumptions) -> Iterator[Usage]:
    watching = watched(config)  # its lines are part of the observations' price
    for stack, (groups, months) in _LOGS.items():
        if stack == "gateway" and not config.gateway.models:
            continue
        gb = month.gb_logs
        written = f"{gb:g} GB of logs a month from the stack (--gb-logs)"
        for row, quantity, assumed in (
            ("logs_ingested_gb", gb, written),
            (
                "logs_stored_gb_month",
                gb * months,
                f"{written}, kept for {months} month{'s' if months > 1 else ''}",
            ),
        ):
            yield _of(
                config,
                stack,
                row,
                "AWS::Logs::LogGroup",
                quantity,
                assumed,
                resources=groups + (watching and stack == "cluster"),
            )


def _watching(config: EnvironmentConfig, month: Assumptions) -> Iterator[Usage]:
    """What tells of pools: observations of the agent, a metric and a function for each pool."""
    nodes = sum(pool.max_nodes for pool in config.pools if pool.hardware.chip or pool.efa)
    if nodes:
        yield _of(
            config,
            "cluster",
            "observation_million",
            "",
            nodes * month.observations * MINUTES_PER_HOUR * HOURS_PER_MONTH / MILLION,
            f"{nodes} nodes with accelerators or EFA all month, {month.observations:,.0f} a minute"
            " each (--observations)",
        )
    for pool in metered(config):
        stack = f"pool-{pool.name}"
        for row, resource, quantity, assumed in (
            ("custom_metric_month", "AWS::Logs::LogGroup", 1.0, "how many hours it was idle"),
            ("lambda_gb_second", "AWS::Lambda::Function", 365.0, "2 s and 256 MB an hour"),
        ):
            yield _of(config, stack, row, resource, quantity, assumed)


def _functions(config: EnvironmentConfig) -> Iterator[Usage]:
    """What deployments run: kubectl and its framework, and what empties buckets."""
    assumed = "1,000 GB-seconds, some deployments a month"
    function = "AWS::Lambda::Function"
    yield _of(config, "cluster", "lambda_gb_second", function, 1000, assumed, resources=2)
    if not config.storage.retain:
        yield _of(config, "storage", "lambda_gb_second", function, 1000, assumed)


def _gateway(config: EnvironmentConfig, month: Assumptions) -> Iterator[Usage]:
    millions = month.requests / MILLION
    asked = f"{month.requests:,.0f} requests a month (--requests)"
    table, guardrail = "AWS::DynamoDB::GlobalTable", "AWS::Bedrock::Guardrail"
    units = millions * MILLION * _TEXT_UNITS / THOUSAND
    text = f"{asked}, {_TEXT_UNITS} text units each"
    rows = (
        ("alb_lcu_hour", "AWS::ElasticLoadBalancingV2::LoadBalancer", 1.0,
         "one LCU all the time: 25 new connections a second, or 1 GB an hour"),
        ("waf_request_million", "AWS::WAFv2::WebACL", millions, asked),
        ("dynamodb_read_million", table, millions, f"{asked}, a read each"),
        ("dynamodb_write_million", table, _WRITES * millions,
         f"{asked}, {_WRITES} write units each"),
        ("dynamodb_gb_month", table, 1.0, "1 GB"),
        ("dynamodb_pitr_gb_month", table, 1.0, "1 GB"),
        ("kms_request_10k", "AWS::KMS::Key", month.requests / 10_000, f"{asked}, one each"),
        ("guardrail_content_thousand", guardrail, units, text),
        ("guardrail_sensitive_thousand", guardrail, units, text),
        ("custom_metric_month", "AWS::ECS::Cluster", float(_METRICS + _OWN_METRICS),
         f"{_METRICS} metrics of Container Insights and {_OWN_METRICS} that the tasks log"),
    )  # fmt: skip
    for row, resource, quantity, assumed in rows:
        held = 2 if resource == table else 1
        yield _of(config, "gateway", row, resource, quantity, assumed, resources=held)
    bedrock = [model for model in config.gateway.models if model.bedrock]
    for model in bedrock:
        yield from _tokens(model, month.requests / len(bedrock))


def _tokens(model: ModelConfig, requests: float) -> Iterator[Usage]:
    for kind, each in (("input", _TOKENS_IN), ("output", _TOKENS_OUT)):
        price = getattr(model.price, kind) if model.price else None
        yield Usage(
            stack="gateway",
            what=f"{kind} tokens of {model.bedrock}",
            resource="",
            quantity=requests * each / MILLION,
            assumed=f"{requests:,.0f} requests of {each:,} {kind} tokens",
            rate=Rate(
                usd=price,
                per="million",
                basis=f"price.{kind} of the model {model.name} in the environment file"
                if price is not None
                else f"the environment file gives the model {model.name} no price",
            ),
        )


def _of(
    config: EnvironmentConfig, stack: str, row: str, resource: str, quantity: float, assumed: str,
    *, resources: int = 1,
) -> Usage:  # fmt: skip
    return Usage(
        stack=stack,
        what=PRICES.services[row].what,
        resource=resource,
        resources=resources,
        quantity=quantity,
        assumed=assumed,
        rate=service(row, config.region),
    )
