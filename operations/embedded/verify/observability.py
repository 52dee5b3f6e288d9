"""What an operator is shown and told: logs, alarms, dashboards, topics, budgets, parameters."""

from operations.embedded.extension.handler import Place
from operations.embedded.extension.types import cloudwatch
from operations.embedded.verify.verifier import Described, Properties, Read, Resource, Verifier

_TOPIC = {"TopicArn": "{id}"}


def _tags(target: str) -> Read:
    return Read("cloudwatch", "ListTagsForResource", {"ResourceARN": target}, "Tags")


def _alarm_tags(place: Place, resource: Resource) -> object:
    return _tags(f"arn:aws:cloudwatch:{place.region}:{place.account}:alarm:{resource.id}")(
        place, resource
    )


def _rule_tags(place: Place, resource: Resource) -> object:
    rule = f"arn:aws:events:{place.region}:{place.account}:rule/{resource.id}"
    return Read("events", "ListTagsForResource", {"ResourceARN": rule}, "Tags")(place, resource)


def _budget_properties(properties: Properties) -> Properties:
    """A budget's own properties, with what is told to whom beside them."""
    notifications = properties.get("NotificationsWithSubscribers", [])
    return {
        **properties["Budget"],
        "Notifications": [item["Notification"] for item in notifications],
    }


VERIFIERS = {
    "AWS::Logs::LogGroup": Verifier(
        find=Read(
            "logs",
            "DescribeLogGroups",
            {"logGroupNamePrefix": "{id}"},
            "logGroups[?logGroupName == '{id}'] | [0]",
        ),
        parts={"Tags": Read("logs", "ListTagsLogGroup", {"logGroupName": "{id}"}, "tags")},
    ),
    "AWS::Logs::MetricFilter": Verifier(
        find=Read(
            "logs",
            "DescribeMetricFilters",
            {"logGroupName": "{LogGroupName}", "filterNamePrefix": "{id}"},
            "metricFilters[?filterName == '{id}'] | [0]",
        ),
        remark="nobody writes the lines",
    ),
    "AWS::Events::Rule": Verifier(
        find=Read("events", "DescribeRule", {"Name": "{id}"}),
        parts={
            "Targets": Read("events", "ListTargetsByRule", {"Rule": "{id}"}, "Targets"),
            "Tags": _rule_tags,
        },
    ),
    "AWS::CloudWatch::Alarm": Verifier(
        find=Described(cloudwatch.ALARM), parts={"Tags": _alarm_tags}
    ),
    "AWS::CloudWatch::Dashboard": Verifier(
        find=Read("cloudwatch", "GetDashboard", {"DashboardName": "{id}"}),
        parts={"Tags": _tags("arn:aws:cloudwatch::{account}:dashboard/{id}")},
    ),
    "AWS::SNS::Topic": Verifier(
        find=Read("sns", "GetTopicAttributes", _TOPIC, "Attributes"),
        parts={"Tags": Read("sns", "ListTagsForResource", {"ResourceArn": "{id}"}, "Tags")},
    ),
    "AWS::SNS::TopicPolicy": Verifier(
        find=Read("sns", "GetTopicAttributes", {"TopicArn": "{Topics[0]}"}, "Attributes"),
        rename={"PolicyDocument": "Policy", "Topics": "[TopicArn]"},
    ),
    "AWS::SNS::Subscription": Verifier(
        find=Read(
            "sns",
            "ListSubscriptionsByTopic",
            {"TopicArn": "{TopicArn}"},
            "Subscriptions[?SubscriptionArn == '{id}'] | [0]",
        ),
        remark="no mail is sent",
    ),
    "AWS::SSM::Parameter": Verifier(
        find=Read("ssm", "GetParameter", {"Name": "{id}"}, "Parameter"),
        parts={
            "Tags": Read(
                "ssm",
                "ListTagsForResource",
                {"ResourceType": "Parameter", "ResourceId": "{id}"},
                "TagList",
            )
        },
    ),
    "AWS::Budgets::Budget": Verifier(
        find=Read(
            "budgets",
            "DescribeBudget",
            {"AccountId": "{account}", "BudgetName": "{id}", "ShowFilterExpression": True},
            "Budget",
        ),
        parts={
            "Notifications": Read(
                "budgets",
                "DescribeNotificationsForBudget",
                {"AccountId": "{account}", "BudgetName": "{id}"},
                "Notifications",
            )
        },
        expect=_budget_properties,
        remark="nothing is spent, so nothing is told",
    ),
}
