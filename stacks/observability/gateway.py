"""What the load balancer and the gateway's own tasks tell of the gateway.

Names of the load balancer's:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
The tasks' own are log lines in Embedded Metric Format, workloads/gateway/seen/emf.py.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_elasticloadbalancingv2 as elb

from stacks.observability.board import FEW, PERIOD, Board


def watch_gateway(
    board: Board,
    *,
    load_balancer: elb.ApplicationLoadBalancer,
    target_group: elb.ApplicationTargetGroup,
    tenants: dynamodb.TableV2,
) -> None:
    """What clients meet: failures, waiting, tasks that do not answer."""
    requests = load_balancer.metrics.request_count(period=PERIOD)
    failures = cloudwatch.MathExpression(
        label="failed, %",
        # FILL, because no 5xx is no data.
        expression=f"IF(all > {FEW}, 100 * (FILL(target, 0) + FILL(door, 0)) / all, 0)",
        using_metrics={
            "all": requests,
            "target": load_balancer.metrics.http_code_target(
                elb.HttpCodeTarget.TARGET_5XX_COUNT, period=PERIOD
            ),
            "door": load_balancer.metrics.http_code_elb(
                elb.HttpCodeElb.ELB_5XX_COUNT, period=PERIOD
            ),
        },
        period=PERIOD,
    )
    first_byte = load_balancer.metrics.target_response_time(statistic="p90", period=PERIOD)
    unhealthy = target_group.metrics.unhealthy_host_count(statistic="Maximum", period=PERIOD)
    throttled = tenants.metric("ReadThrottleEvents", statistic="Sum", period=PERIOD)

    board.graphs("Gateway", requests, failures, first_byte, unhealthy)
    board.alarm(
        "GatewayFailures",
        failures,
        above=5,
        periods=3,
        says="More than 5 % of the gateway's answers have been 5xx for a quarter of an hour.",
        runbook="the-gateway-answers-with-5xx",
    )
    board.alarm(
        "GatewaySlowFirstByte",
        first_byte,
        above=20,
        periods=3,
        says="One answer in ten has taken the gateway over 20 s to begin.",
        runbook="answers-are-slow-to-begin",
    )
    board.alarm(
        "GatewayUnhealthyTasks",
        unhealthy,
        above=0,
        periods=3,
        says="A task of the gateway has failed its health check for a quarter of an hour.",
        runbook="a-task-of-the-gateway-is-unhealthy",
    )
    board.alarm(
        "TenantsThrottled",
        throttled,
        above=0,
        periods=1,
        says="DynamoDB has throttled reads of the table of tenants; keys may be refused.",
        runbook="the-table-of-tenants-is-throttled",
    )


def watch_tasks(board: Board, service: str, monthly_usd: float | None) -> None:
    """What the tasks tell: throttled requests, tokens, what they cost.

    `service` is the tasks' GATEWAY_SERVICE; `monthly_usd` the environment's budget.
    """

    def metric(name: str, statistic: str, period: cdk.Duration = PERIOD) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="Gateway",
            metric_name=name,
            dimensions_map={"Service": service},
            statistic=statistic,
            period=period,
        )

    throttled = cloudwatch.MathExpression(
        label="throttled, %",
        expression=f"IF(all > {FEW}, 100 * refused / all, 0)",
        using_metrics={"all": metric("Requests", "Sum"), "refused": metric("Throttles", "Sum")},
        period=PERIOD,
    )
    first_token = metric("TimeToFirstToken", "p90")  # milliseconds

    board.graphs(
        "Gateway, as its tasks tell",
        metric("InFlightRequests", "Average"),
        throttled,
        first_token,
        metric("Errors", "Sum"),
    )
    board.graphs(
        "Gateway, tokens and USD",
        metric("InputTokens", "Sum"),
        metric("OutputTokens", "Sum"),
        metric("CostUsd", "Sum"),
    )
    board.alarm(
        "GatewayThrottled",
        throttled,
        above=10,
        periods=3,
        says="More than 10 % of the gateway's answers have been 429 for a quarter of an hour.",
        runbook="requests-are-throttled",
    )
    board.alarm(
        "GatewaySlowFirstToken",
        first_token,
        above=10_000,
        periods=3,
        says="One streamed answer in ten has taken over 10 s to its first token.",
        runbook="answers-are-slow-to-begin",
    )
    if monthly_usd is not None:
        # Seven times the pace of the month: AWS Budgets learns of it hours later.
        board.alarm(
            "GatewaySpending",
            metric("CostUsd", "Sum", cdk.Duration.hours(1)),
            above=monthly_usd / 100,
            periods=1,
            says="Models behind the gateway have cost over 1 % of the month's budget in an hour.",
            runbook="models-cost-more-than-planned",
        )
