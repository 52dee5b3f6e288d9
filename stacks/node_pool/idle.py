"""For how long a pool's accelerators have been idle, told; and a forgotten pool put to sleep."""

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import workloads
from stacks.config import NodePoolConfig
from stacks.shared.acknowledge import acknowledge
from stacks.shared.metrics import IDLE_HOURS, metered, pools_namespace

_CODE: Final = (Path(workloads.__file__).parent / "idle.py").read_text("utf-8")


class Idle(Construct):
    """A function, workloads/idle.py, that looks at the pool's nodes every hour.

    It is there for every pool whose devices are metered, and may change the node group of a pool
    with `idle_hours` alone. It is the pool's own, because a pool comes and goes alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pool: NodePoolConfig,
        neuron_allocator: str,
        cluster_name: str,
        nodes: eks.CfnNodegroup,
    ) -> None:
        super().__init__(scope, construct_id)

        group = logs.LogGroup(
            self,
            "Log",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        for statement in _statements(group, nodes, acts=pool.idle_hours is not None):
            role.add_to_policy(statement)
        function = lambda_.Function(
            self,
            "Function",
            description=f"How long the accelerators of pool {pool.name} have been idle",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_inline(_CODE),
            handler="index.handler",
            timeout=cdk.Duration.minutes(2),
            memory_size=256,
            log_group=group,
            role=role.without_policy_updates(),
        )
        asked = {
            "cluster": cluster_name,
            "group": nodes.attr_nodegroup_name,
            "pool": pool.name,
            "namespace": pools_namespace(cdk.Stack.of(self)),
            "metric": metered(pool, neuron_allocator),
            "look": max(IDLE_HOURS, pool.idle_hours or 0),
            "sleep": pool.idle_hours or 0,
        }
        events.Rule(
            self,
            "Hourly",
            schedule=events.Schedule.rate(cdk.Duration.hours(1)),
            targets=[
                targets.LambdaFunction(function, event=events.RuleTargetInput.from_object(asked))
            ],
        )
        acknowledge(self, _REASONS)


def _statements(
    group: logs.LogGroup, nodes: eks.CfnNodegroup, *, acts: bool
) -> list[iam.PolicyStatement]:
    """What the function may do: tell, look, and, where it `acts`, change the one node group."""
    statements = [
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[group.log_group_arn],
        ),
        iam.PolicyStatement(
            actions=["cloudwatch:GetMetricData", "ec2:DescribeInstances"],
            resources=["*"],  # they have none
        ),
    ]
    if acts:
        statements.append(
            iam.PolicyStatement(
                actions=["eks:DescribeNodegroup", "eks:UpdateNodegroupConfig"],
                resources=[nodes.attr_arn],
            )
        )
    return statements


_REASONS = {
    "AwsSolutions-IAM5": "Metrics and instances have no resource to name when they are read; the "
    "rest is one log group and one node group.",
    "CloudWatchLogGroupEncrypted": "Under the key of CloudWatch Logs: how many hours a pool was "
    "idle.",
    "LambdaConcurrency": "EventBridge calls it once an hour.",
    "LambdaDLQ": "What it misses in one hour it sees in the next.",
    "LambdaInsideVPC": "It calls AWS's APIs alone, with its role; in the VPC it would take "
    "addresses of nodes.",
}
