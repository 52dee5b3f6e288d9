"""What the load balancer turns away before a task sees it."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

_Acl = waf.CfnWebACL

# Of one address in five minutes. A flood, not a quota: what a tenant may ask is the tenant's own,
# and a whole company may come from one address.
_FLOOD = 30_000
_BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
# The group's rules that look at bodies, and the labels that the others give. AWS WAF developer
# guide, "Baseline rule groups", known bad inputs. Host_Localhost_Header is left out: whoever comes
# through a tunnel says localhost.
_BODY_RULES = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY")
_BLOCKED_LABELS = (
    "ExploitablePaths_URIPath",
    "JavaDeserializationRCE_Header",
    "JavaDeserializationRCE_QueryString",
    "JavaDeserializationRCE_URIPath",
    "Log4JRCE_Header",
    "Log4JRCE_QueryString",
    "Log4JRCE_URIPath",
    "Propfind_Method",
)
_CREDENTIALS = ("authorization", "x-api-key", "x-amz-security-token")


class Firewall(Construct):
    """A web ACL that never judges a body: prompts hold code, and attacks as examples of attacks.

    WAF would read the first 8 KB of a body anyway. Floods are turned away, addresses that AWS knows
    as bad, and attacks in headers, paths and queries.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, load_balancer: str, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)

        acl = _Acl(
            self,
            "Default",
            scope="REGIONAL",
            default_action=_Acl.DefaultActionProperty(allow={}),
            visibility_config=_visible("Gateway"),
            rules=[
                _flood(0),
                _rule("Reputation", 1, _managed("AWSManagedRulesAmazonIpReputationList"), none={}),
                # Counted as a whole: a rule that AWS adds to it for bodies must block no prompt.
                _rule("BadInputs", 2, _managed(_BAD_INPUTS, counted=_BODY_RULES), count={}),
                _bad_headers_and_paths(3),
            ],
        )
        waf.CfnWebACLAssociation(
            self, "Association", resource_arn=load_balancer, web_acl_arn=acl.attr_arn
        )
        self._log(acl, key)

    def _log(self, acl: waf.CfnWebACL, key: kms.IKey) -> None:
        """Keep what was blocked or counted; WAF logs no body, and no credential here."""
        stack = cdk.Stack.of(self)
        name = f"aws-waf-logs-{stack.stack_name}"  # WAF takes no other beginning
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=name,
            encryption_key=key,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        configuration = waf.CfnLoggingConfiguration
        conditions = [{"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT")]
        logging = configuration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            # Without the :* at the end of the group's own ARN, which WAF refuses.
            log_destination_configs=[
                stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[
                configuration.FieldToMatchProperty(single_header={"Name": header})
                for header in _CREDENTIALS
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": conditions}
                ],
            },
        )
        logging.node.add_dependency(group)


def _flood(priority: int) -> waf.CfnWebACL.RuleProperty:
    statement = _Acl.StatementProperty(
        rate_based_statement=_Acl.RateBasedStatementProperty(
            limit=_FLOOD, aggregate_key_type="IP", evaluation_window_sec=300
        )
    )
    wait = _Acl.CustomHTTPHeaderProperty(name="retry-after", value="60")
    answer = _Acl.CustomResponseProperty(response_code=429, response_headers=[wait])
    block = _Acl.BlockActionProperty(custom_response=answer)
    return _Acl.RuleProperty(
        name="Flood",
        priority=priority,
        statement=statement,
        action=_Acl.RuleActionProperty(block=block),
        visibility_config=_visible("Flood"),
    )


def _bad_headers_and_paths(priority: int) -> waf.CfnWebACL.RuleProperty:
    labels = [
        _Acl.StatementProperty(
            label_match_statement=_Acl.LabelMatchStatementProperty(
                scope="LABEL", key=f"awswaf:managed:aws:known-bad-inputs:{label}"
            )
        )
        for label in _BLOCKED_LABELS
    ]
    return _Acl.RuleProperty(
        name="BadHeadersAndPaths",
        priority=priority,
        statement=_Acl.StatementProperty(or_statement=_Acl.OrStatementProperty(statements=labels)),
        action=_Acl.RuleActionProperty(block={}),
        visibility_config=_visible("BadHeadersAndPaths"),
    )


def _managed(name: str, *, counted: tuple[str, ...] = ()) -> waf.CfnWebACL.StatementProperty:
    """A rule group of AWS's; the `counted` rules do not end its evaluation."""
    overrides = [
        _Acl.RuleActionOverrideProperty(name=rule, action_to_use=_Acl.RuleActionProperty(count={}))
        for rule in counted
    ]
    return _Acl.StatementProperty(
        managed_rule_group_statement=_Acl.ManagedRuleGroupStatementProperty(
            vendor_name="AWS", name=name, rule_action_overrides=overrides or None
        )
    )


def _rule(
    name: str,
    priority: int,
    statement: waf.CfnWebACL.StatementProperty,
    **override: Mapping[str, str],
) -> waf.CfnWebACL.RuleProperty:
    """A rule group with what becomes of its own actions: `none={}` keeps them, or `count={}`."""
    return _Acl.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        override_action=_Acl.OverrideActionProperty(**override),
        visibility_config=_visible(name),
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    """A metric of the rule's name. Samples of requests are off: they would show credentials."""
    return _Acl.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
