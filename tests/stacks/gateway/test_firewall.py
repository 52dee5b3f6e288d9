import re

import pytest

RUNNING = ["demo", "dev", "prod", "closed", "open"]
every = pytest.mark.parametrize("environment", RUNNING)


def acl(stacks, environment="prod"):
    return stacks(environment)["gateway"].only("AWS::WAFv2::WebACL")


def rules(stacks, environment="prod"):
    return {rule["Name"]: rule for rule in acl(stacks, environment)["Rules"]}


def inspected(statement):
    """Every part of a request that a statement of ours names."""
    if isinstance(statement, dict):
        yield from statement.get("FieldToMatch", {})
        for value in statement.values():
            yield from inspected(value)
    elif isinstance(statement, list):
        for value in statement:
            yield from inspected(value)


@every
def test_it_protects_the_load_balancer(stacks, environment):
    gateway = stacks(environment)["gateway"]
    [balancer] = gateway.every("AWS::ElasticLoadBalancingV2::LoadBalancer")
    [protected] = gateway.every("AWS::WAFv2::WebACL")

    association = gateway.only("AWS::WAFv2::WebACLAssociation")

    assert association["ResourceArn"] == {"Ref": balancer}
    assert association["WebACLArn"] == {"Fn::GetAtt": [protected, "Arn"]}
    assert acl(stacks, environment)["DefaultAction"] == {"Allow": {}}


@every
def test_no_rule_blocks_for_what_stands_in_a_body(stacks, environment):
    """A prompt about an attack holds the attack."""
    for name, rule in rules(stacks, environment).items():
        assert "Body" not in set(inspected(rule["Statement"])), name
        labels = re.findall(r"known-bad-inputs:(\w+)", str(rule["Statement"]))
        assert not [label for label in labels if label.lower().endswith("body")], name
        group = rule["Statement"].get("ManagedRuleGroupStatement", {})
        # Only these addresses' group keeps its own actions; it looks at no body.
        keeps_its_actions = rule.get("OverrideAction") == {"None": {}}
        assert keeps_its_actions == (group.get("Name") == "AWSManagedRulesAmazonIpReputationList")


def test_a_body_that_is_counted_hides_no_header(stacks):
    """A rule that blocks ends its group's evaluation, whatever is made of the group's verdict."""
    group = rules(stacks)["BadInputs"]["Statement"]["ManagedRuleGroupStatement"]

    counted = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY")
    assert [(o["Name"], o["ActionToUse"]) for o in group["RuleActionOverrides"]] == [
        (rule, {"Count": {}}) for rule in counted
    ]


def test_attacks_in_headers_and_paths_are_blocked_after_they_were_labelled(stacks):
    blocking = rules(stacks)["BadHeadersAndPaths"]
    labels = {
        statement["LabelMatchStatement"]["Key"]
        for statement in blocking["Statement"]["OrStatement"]["Statements"]
    }

    assert blocking["Action"] == {"Block": {}}
    assert blocking["Priority"] > rules(stacks)["BadInputs"]["Priority"]
    for attack in ("Log4JRCE_Header", "Log4JRCE_URIPath", "ExploitablePaths_URIPath"):
        assert f"awswaf:managed:aws:known-bad-inputs:{attack}" in labels


def test_a_flood_is_told_to_wait(stacks):
    flood = rules(stacks)["Flood"]
    answer = flood["Action"]["Block"]["CustomResponse"]

    assert flood["Priority"] == 0
    assert flood["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert answer["ResponseCode"] == 429
    assert answer["ResponseHeaders"] == [{"Name": "retry-after", "Value": "60"}]


def test_every_rule_has_a_place_and_a_metric_of_its_own(stacks):
    listed = list(rules(stacks).values())

    assert sorted(rule["Priority"] for rule in listed) == list(range(len(listed)))
    metrics = {rule["VisibilityConfig"]["MetricName"] for rule in listed}
    assert len(metrics) == len(listed)


@every
def test_its_log_is_encrypted_and_shows_no_credential(stacks, environment):
    gateway = stacks(environment)["gateway"]
    logging = gateway.only("AWS::WAFv2::LoggingConfiguration")
    [group] = [
        group
        for group in gateway.every("AWS::Logs::LogGroup").values()
        if group.get("LogGroupName", "").startswith("aws-waf-logs-")
    ]

    [destination] = logging["LogDestinationConfigs"]
    hidden = {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]}

    assert str(destination).rpartition("log-group:")[2].startswith(group["LogGroupName"])
    assert not str(destination).endswith(":*")
    assert "KmsKeyId" in group
    assert {"authorization", "x-api-key"} <= hidden
    assert all(
        not rule["VisibilityConfig"]["SampledRequestsEnabled"]
        for rule in rules(stacks, environment).values()
    )
