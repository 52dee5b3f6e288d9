"""The stack: one dashboard, one topic and one budget for the whole environment."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.config import BudgetConfig, NodePoolConfig
from stacks.observability import gateway
from stacks.observability.board import Board
from stacks.observability.budget import add_budget
from stacks.observability.cluster import watch_cluster
from stacks.observability.endpoint import watch_endpoint
from stacks.observability.pools import watch_pools
from stacks.observability.training import watch_training
from stacks.shared.metrics import pools_namespace, training_namespace


class ObservabilityStack(cdk.Stack):
    """What AWS publishes by itself, and the metrics of nodes, the gateway's tasks and runs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        budget: BudgetConfig | None,
        cost_tags: Mapping[str, str],
        cluster: eks.Cluster,
        pools: Sequence[NodePoolConfig],
        neuron_allocator: str,
        **kwargs: Any,
    ) -> None:
        """The budget counts what carries all of `cost_tags`; without any, the whole account."""
        super().__init__(scope, construct_id, **kwargs)

        topic = self._alarm_topic()
        self._budget = budget
        self._board = Board(self, topic)
        watch_cluster(self._board, cluster.cluster_name)
        watch_pools(
            self._board,
            pools,
            neuron_allocator=neuron_allocator,
            cluster=cluster.cluster_name,
            namespace=pools_namespace(self),
        )
        watch_training(self._board, training_namespace(self))
        if budget:
            topic.add_subscription(subscriptions.EmailSubscription(budget.email))
            add_budget(self, budget, cost_tags)

    def watch_gateway(
        self,
        load_balancer: elb.ApplicationLoadBalancer,
        target_group: elb.ApplicationTargetGroup,
        tenants: dynamodb.TableV2,
        *,
        service: str,
    ) -> None:
        """Add the gateway's graphs and alarms; `service` is the name its tasks log under."""
        gateway.watch_gateway(
            self._board, load_balancer=load_balancer, target_group=target_group, tenants=tenants
        )
        gateway.watch_tasks(
            self._board, service, self._budget.monthly_usd if self._budget else None
        )

    def watch_endpoint(self, name: str) -> None:
        """Add an endpoint's graphs and alarm."""
        watch_endpoint(self._board, name)

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
        topic = sns.Topic(self, "Alarms", master_key=key, enforce_ssl=True)
        # The policy that enforces TLS takes the place of SNS's own, which lets the account's alarms
        # through (SNS developer guide, "Allow CloudWatch alarms to publish").
        alarms = self.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name="*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"ArnLike": {"aws:SourceArn": alarms}},
            )
        )
        return topic
