import json

import pytest


def alarms(stack):
    return {
        name.rstrip("0123456789ABCDEF"): alarm
        for name, alarm in stack.every("AWS::CloudWatch::Alarm").items()
    }


def test_there_is_an_alarm_for_each_thing_that_breaks(stacks):
    names = {name.partition("prod")[0] for name in alarms(stacks("prod")["observability"])}

    assert names == {
        "PodsUnschedulable",
        "GatewayFailures",
        "GatewaySlowFirstByte",
        "GatewayUnhealthyTasks",
        "TenantsThrottled",
        "EndpointFailures",
    }


@pytest.mark.parametrize("environment", ["prod", "open"])
def test_every_alarm_tells_the_topic_and_silence_is_no_alarm(stacks, environment):
    stack = stacks(environment)["observability"]
    [topic] = stack.every("AWS::SNS::Topic")

    for alarm in alarms(stack).values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_failures_are_a_share_of_all_requests(stacks):
    [alarm] = [
        alarm
        for name, alarm in alarms(stacks("prod")["observability"]).items()
        if name.startswith("GatewayFailures")
    ]
    metrics = {metric["Id"]: metric for metric in alarm["Metrics"]}

    expression = next(m["Expression"] for m in metrics.values() if "Expression" in m)
    used = {m["MetricStat"]["Metric"]["MetricName"] for m in metrics.values() if "MetricStat" in m}
    assert "100 *" in expression
    assert used == {"RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"}


def test_the_topic_is_encrypted_and_alarms_may_use_its_key(stacks):
    stack = stacks("prod")["observability"]
    [key] = stack.every("AWS::KMS::Key")

    assert stack.only("AWS::SNS::Topic")["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    services = [
        statement["Principal"].get("Service")
        for statement in stack.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    ]
    assert "cloudwatch.amazonaws.com" in services


def test_the_dashboard_shows_cluster_gateway_and_endpoints(stacks):
    stack = stacks("prod")["observability"]

    body = json.dumps(stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"])

    for shown in ("# Cluster", "# Gateway", "# Endpoint prod-tiny-llama", "TargetResponseTime"):
        assert shown in body
    assert "DashboardName" in stack.template["Outputs"]


def test_the_budget_counts_what_carries_all_the_tags(stacks):
    stack = stacks("prod")["observability"]
    budget = stack.only("AWS::Budgets::Budget")["Budget"]

    assert budget["BudgetLimit"] == {"Amount": 25000, "Unit": "USD"}
    assert budget["FilterExpression"] == {
        "And": [
            {"Tags": {"Key": key, "MatchOptions": ["EQUALS"], "Values": [value]}}
            for key, value in (("project", "ai-silicon"), ("environment", "prod"))
        ]
    }


def test_mail_goes_out_at_80_percent_spent_and_100_percent_forecast(stacks):
    stack = stacks("prod")["observability"]

    sent = {
        entry["Notification"]["NotificationType"]: (
            entry["Notification"]["Threshold"],
            entry["Subscribers"],
        )
        for entry in stack.only("AWS::Budgets::Budget")["NotificationsWithSubscribers"]
    }

    mail = [{"Address": "platform@example.com", "SubscriptionType": "EMAIL"}]
    assert sent == {"ACTUAL": (80, mail), "FORECASTED": (100, mail)}
    assert stack.only("AWS::SNS::Subscription")["Endpoint"] == "platform@example.com"


def test_without_a_budget_nobody_is_mailed(stacks):
    stack = stacks("open")["observability"]

    assert not stack.every("AWS::Budgets::Budget")
    assert not stack.every("AWS::SNS::Subscription")
