import json
import re
from pathlib import Path

import pytest

from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.emf import NAMESPACE, EmbeddedMetrics

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks.md"


def alarms(stack):
    return {
        name.rstrip("0123456789ABCDEF"): alarm
        for name, alarm in stack.every("AWS::CloudWatch::Alarm").items()
    }


def test_there_is_an_alarm_for_each_thing_that_breaks(stacks):
    ids = [*alarms(stacks("prod")["observability"]), *alarms(stacks("dev")["observability"])]

    names = {
        "PodsUnschedulable",
        "GatewayFailures",
        "GatewaySlowFirstByte",
        "GatewayUnhealthyTasks",
        "GatewayThrottled",
        "GatewaySlowFirstToken",
        "GatewaySpending",
        "TrainingStalled",
        "TenantsThrottled",
        "EndpointFailures",
        "EndpointRefuses",
        "EndpointSlow",
        "NodesFailed",
        "NeuronMemoryBroken",
        "EfaErrors",
        "AcceleratorsIdle",
        "PoolAsleep",
    }
    assert {name for name in names if any(id.startswith(name) for id in ids)} == names
    assert [id for id in ids if not id.startswith(tuple(names))] == []


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


def sections():
    """The runbooks: a heading's anchor, as GitHub makes it, and the names of its alarms."""
    found = {}
    for text in RUNBOOKS.read_text().split("\n## ")[1:]:
        heading, _, body = text.partition("\n")
        anchor = re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")
        [alarm] = re.findall(r"^\*\*Alarm:\*\* (.*)", body, re.MULTILINE)
        found[anchor] = (alarm, body)
    return found


@pytest.mark.parametrize("environment", ["prod", "dev", "open"])
def test_every_alarm_links_to_its_runbook_which_names_it(stacks, environment):
    runbooks = sections()

    for logical_id, alarm in (
        stacks(environment)["observability"].every("AWS::CloudWatch::Alarm").items()
    ):
        says, link, anchor = alarm["AlarmDescription"].partition("docs/runbooks.md#")
        assert link and len(says) > 30
        names = re.findall(r"`(\w+)`", runbooks[anchor][0])
        assert any(logical_id.startswith(name) for name in names), (logical_id, anchor)


def test_every_runbook_is_linked_from_an_alarm_or_says_why_none(stacks):
    every = {
        logical_id: alarm
        for environment in ("prod", "dev")
        for logical_id, alarm in alarms(stacks(environment)["observability"]).items()
    }
    linked = {alarm["AlarmDescription"].partition("#")[2] for alarm in every.values()}
    ids = " ".join(every)

    assert linked <= sections().keys()
    for anchor, (alarm, _) in sections().items():
        if alarm.startswith("none"):
            assert anchor not in linked and len(alarm) > 40, anchor
        else:
            assert all(name in ids for name in re.findall(r"`([A-Z]\w+)`", alarm)), anchor


def test_every_runbook_says_what_why_what_to_do_and_when_it_is_over():
    assert len(sections()) >= 10
    for anchor, (_, body) in sections().items():
        for part in ("**You see**", "**Why:**", "**Do:**", "**Over when**"):
            assert part in body, (anchor, part)


def logged_metrics():
    """Names of what a task of the gateway logs, asked of the code that does."""
    lines = []

    class Lines:
        write = staticmethod(lines.append)

    figures = EmbeddedMetrics("prod-gateway", Metrics(), Lines())
    figures.first_token(1.0)
    figures.publish()
    [directive] = lines[0]["_aws"]["CloudWatchMetrics"]
    return {metric["Name"] for metric in directive["Metrics"]}


def test_the_alarms_of_the_tasks_look_at_what_the_tasks_log_under_the_services_name(stacks):
    prod = stacks("prod")
    [container] = prod["gateway"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    service = next(e["Value"] for e in container["Environment"] if e["Name"] == "GATEWAY_SERVICE")

    looked = [
        metric
        for alarm in prod["observability"].every("AWS::CloudWatch::Alarm").values()
        for metric in [
            alarm,
            *(m["MetricStat"]["Metric"] for m in alarm.get("Metrics", ()) if "MetricStat" in m),
        ]
        if metric.get("Namespace") == NAMESPACE
    ]

    logged = logged_metrics()
    assert {metric["MetricName"] for metric in looked} <= logged
    assert len(looked) == 4
    assert all(m["Dimensions"] == [{"Name": "Service", "Value": service}] for m in looked)


def test_spending_is_alarmed_at_a_hundredth_of_the_months_budget_in_an_hour(stacks):
    found = [
        alarm
        for name, alarm in alarms(stacks("prod")["observability"]).items()
        if name.startswith("GatewaySpending")
    ]

    assert [(a["Threshold"], a["Period"]) for a in found] == [(250, 3600)]
    assert not any("Spending" in name for name in alarms(stacks("open")["observability"]))
