"""The dashboard and the alarms, and where alarms go."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

RUNBOOKS: Final = "docs/runbooks.md"
PERIOD: Final = cdk.Duration.minutes(5)
# Below so many requests in a period, one that failed would be news.
FEW: Final = 20


class Board:
    """One dashboard and one topic, to which every part of the environment adds its own."""

    def __init__(self, stack: cdk.Stack, topic: sns.ITopic) -> None:
        self._stack = stack
        self._topic = topic
        self._dashboard = cloudwatch.Dashboard(stack, "Dashboard")
        cdk.CfnOutput(stack, "DashboardName", value=self._dashboard.dashboard_name)

    def graphs(self, title: str, *metrics: cloudwatch.IMetric) -> None:
        """One row of the dashboard: a graph per metric, as their units differ."""
        self._dashboard.add_widgets(
            cloudwatch.TextWidget(markdown=f"# {title}", width=24, height=1),
            *(
                cloudwatch.GraphWidget(left=[metric], width=24 // len(metrics))
                for metric in metrics
            ),
        )

    def alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        above: float,
        periods: int,
        says: str,
        runbook: str,
    ) -> None:
        """Tell the topic when the metric stays above a threshold for so many periods.

        `says` is what the reader of the mail is told; `runbook` is the anchor of a heading of
        docs/runbooks.md, where the rest stands.
        """
        alarm = cloudwatch.Alarm(
            self._stack,
            name,
            alarm_description=f"{says} What to do: {RUNBOOKS}#{runbook}",
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
