"""What an operator looks at, is told of, and pays: dashboard, alarms, budget."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.config import BudgetConfig

_PERIOD = cdk.Duration.minutes(5)


class ObservabilityStack(cdk.Stack):
    """One dashboard and one topic for the whole environment.

    Only metrics that AWS publishes by itself; what pods and chips report comes with their agents.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        budget: BudgetConfig | None,
        cost_tags: Mapping[str, str],
        cluster: eks.Cluster,
        **kwargs: Any,
    ) -> None:
        """The budget counts what carries all of `cost_tags`; without any, the whole account."""
        super().__init__(scope, construct_id, **kwargs)

        self._topic = self._alarm_topic()
        self._dashboard = cloudwatch.Dashboard(self, "Dashboard")
        cdk.CfnOutput(self, "DashboardName", value=self._dashboard.dashboard_name)
        self._watch_cluster(cluster.cluster_name)
        if budget:
            self._topic.add_subscription(subscriptions.EmailSubscription(budget.email))
            self._budget(budget, cost_tags)

    def watch_gateway(
        self,
        load_balancer: elb.ApplicationLoadBalancer,
        target_group: elb.ApplicationTargetGroup,
        tenants: dynamodb.TableV2,
    ) -> None:
        """Add the gateway's graphs and alarms."""
        requests = load_balancer.metrics.request_count(period=_PERIOD)
        failures = cloudwatch.MathExpression(
            label="failed, %",
            # Below 20 requests one failure would be news; FILL, because no 5xx is no data.
            expression="IF(all > 20, 100 * (FILL(target, 0) + FILL(door, 0)) / all, 0)",
            using_metrics={
                "all": requests,
                "target": load_balancer.metrics.http_code_target(
                    elb.HttpCodeTarget.TARGET_5XX_COUNT, period=_PERIOD
                ),
                "door": load_balancer.metrics.http_code_elb(
                    elb.HttpCodeElb.ELB_5XX_COUNT, period=_PERIOD
                ),
            },
            period=_PERIOD,
        )
        first_byte = load_balancer.metrics.target_response_time(statistic="p90", period=_PERIOD)
        unhealthy = target_group.metrics.unhealthy_host_count(statistic="Maximum", period=_PERIOD)
        throttled = tenants.metric("ReadThrottleEvents", statistic="Sum", period=_PERIOD)

        self._graphs("Gateway", requests, failures, first_byte, unhealthy)
        self._alarm("GatewayFailures", failures, above=5, periods=3)
        self._alarm("GatewaySlowFirstByte", first_byte, above=20, periods=3)
        self._alarm("GatewayUnhealthyTasks", unhealthy, above=0, periods=3)
        self._alarm("TenantsThrottled", throttled, above=0, periods=1)

    def _watch_cluster(self, name: str) -> None:
        def metric(metric_name: str, statistic: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="AWS/EKS",
                metric_name=metric_name,
                dimensions_map={"ClusterName": name},
                statistic=statistic,
                period=_PERIOD,
            )

        waiting = metric("scheduler_pending_pods_UNSCHEDULABLE", "Maximum")
        failed = metric("apiserver_request_total_5XX", "Sum")
        self._graphs("Cluster", waiting, failed, metric("apiserver_storage_size_bytes", "Maximum"))
        # Half an hour: scarce capacity takes its time, a pool that never comes takes longer.
        self._alarm("PodsUnschedulable", waiting, above=0, periods=6)

    def watch_endpoint(self, name: str) -> None:
        """Add an endpoint's graphs and alarm."""

        def metric(metric_name: str, statistic: str) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace="AWS/SageMaker",
                metric_name=metric_name,
                dimensions_map={"EndpointName": name, "VariantName": "main"},
                statistic=statistic,
                period=_PERIOD,
            )

        failures = metric("Invocation5XXErrors", "Sum")
        self._graphs(
            f"Endpoint {name}",
            metric("Invocations", "Sum"),
            failures,
            metric("ModelLatency", "p90"),  # microseconds
        )
        self._alarm(f"EndpointFailures-{name}", failures, above=0, periods=3)

    def _graphs(self, title: str, *metrics: cloudwatch.IMetric) -> None:
        """One row of the dashboard: a graph per metric, as their units differ."""
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(markdown=f"# {title}", width=24, height=1),
            *(
                cloudwatch.GraphWidget(left=[metric], width=24 // len(metrics))
                for metric in metrics
            ),
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, *, above: float, periods: int) -> None:
        """Tell the topic when the metric stays above a threshold for so many periods."""
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _alarm_topic(self) -> sns.Topic:
        key = kms.Key(
            self,
            "Key",
            description="Alarms on their way to their readers",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # of this key's policy: the key
            )
        )
        return sns.Topic(self, "Alarms", master_key=key, enforce_ssl=True)

    def _budget(self, budget: BudgetConfig, tags: Mapping[str, str]) -> None:
        """Mail at 80 % spent and when the month is forecast to end above the budget."""
        data = budgets.CfnBudget
        subscriber = data.SubscriberProperty(subscription_type="EMAIL", address=budget.email)
        data(
            self,
            "Budget",
            budget=data.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=data.SpendProperty(amount=budget.monthly_usd, unit="USD"),
                filter_expression=_carrying(tags),
                metrics=["UnblendedCost"] if tags else None,
            ),
            notifications_with_subscribers=[
                data.NotificationWithSubscribersProperty(
                    notification=data.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )


def _carrying(tags: Mapping[str, str]) -> budgets.CfnBudget.ExpressionProperty | None:
    """Costs of what carries all the tags."""
    data = budgets.CfnBudget
    each = [
        data.ExpressionProperty(
            tags=data.TagValuesProperty(key=key, values=[value], match_options=["EQUALS"])
        )
        for key, value in tags.items()
    ]
    if len(each) < 2:
        return each[0] if each else None
    return data.ExpressionProperty(and_=each)
