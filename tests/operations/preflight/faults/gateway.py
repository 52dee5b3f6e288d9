"""What the gateway and the budget can lack."""

from datetime import timedelta

from tests.operations.preflight.aws_server import Refusal
from tests.operations.preflight.faults.injected import fault, set_quota
from tests.operations.preflight.healthy_ec2 import ACCOUNT, NOW


@fault("open", "certificate", "fails", "is PENDING_VALIDATION", "describe-certificate")
def certificate_is_not_validated(answers):
    answers["acm:DescribeCertificate"]["Certificate"]["Status"] = "PENDING_VALIDATION"


@fault("open", "certificate", "may fail", "ends at", "renew-certificate")
def certificate_ends_soon(answers):
    answers["acm:DescribeCertificate"]["Certificate"]["NotAfter"] = NOW + timedelta(days=3)


@fault("open", "certificate", "fails", "no certificate arn:aws:acm", "request-certificate")
def certificate_is_not_there(answers):
    answers["acm:DescribeCertificate"] = Refusal("ResourceNotFoundException", "none")


@fault("dev", "gateway-quotas", "fails", "application load balancers", "L-53DA6B97")
def no_load_balancer_left(answers):
    answers["elbv2:DescribeLoadBalancers"]["LoadBalancers"] = [{"Type": "application"}] * 50


@fault("dev", "gateway-quotas", "may fail", "(L-3032A538) is 6", "--desired-value 10")
def fargate_quota_of_a_new_account(answers):
    set_quota(answers, "fargate", "L-3032A538", 6.0)


@fault(
    "prod", "guardrail-name", "fails", "guardrail prod-gateway already", "--guardrail-identifier g1"
)
def guardrail_name_is_taken(answers):
    answers["bedrock:ListGuardrails"]["guardrails"] = [
        {
            "id": "g1",
            "arn": f"arn:aws:bedrock:us-east-2:{ACCOUNT}:guardrail/g1",
            "status": "READY",
            "name": "prod-gateway",
            "version": "DRAFT",
            "createdAt": NOW,
            "updatedAt": NOW,
        }
    ]


@fault(
    "prod",
    "subscription",
    "may fail",
    "platform@example.com has not confirmed",
    "sns subscribe",
    deployed=True,
)
def nobody_confirmed(answers):
    [row] = answers["sns:ListSubscriptionsByTopic"]["Subscriptions"]
    row["SubscriptionArn"] = "PendingConfirmation"


@fault(
    "prod",
    "cost-tags",
    "may fail",
    "project and environment are not active",
    "update-cost-allocation-tags-status",
)
def tags_are_not_active(answers):
    for row in answers["ce:ListCostAllocationTags"]["CostAllocationTags"]:
        row["Status"] = "Inactive"


@fault("dev", "cost-tags", "note", "environment is not active", "a day after the first deployment")
def tag_was_never_used(answers):
    del answers["ce:ListCostAllocationTags"]["CostAllocationTags"][1]
