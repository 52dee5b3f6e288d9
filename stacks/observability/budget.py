"""The month's budget, and who is told when it is spent."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets

from stacks.config import BudgetConfig

_Data = budgets.CfnBudget


def add_budget(stack: cdk.Stack, budget: BudgetConfig, tags: Mapping[str, str]) -> None:
    """Mail at 80 % spent and when the month is forecast to end above the budget.

    It counts what carries all of `tags`; without any, the whole account.
    """
    subscriber = _Data.SubscriberProperty(subscription_type="EMAIL", address=budget.email)
    _Data(
        stack,
        "Budget",
        budget=_Data.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=_Data.SpendProperty(amount=budget.monthly_usd, unit="USD"),
            filter_expression=_carrying(tags),
            metrics=["UnblendedCost"] if tags else None,
        ),
        notifications_with_subscribers=[
            _Data.NotificationWithSubscribersProperty(
                notification=_Data.NotificationProperty(
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
    each = [
        _Data.ExpressionProperty(
            tags=_Data.TagValuesProperty(key=key, values=[value], match_options=["EQUALS"])
        )
        for key, value in tags.items()
    ]
    if len(each) < 2:
        return each[0] if each else None
    return _Data.ExpressionProperty(and_=each)
