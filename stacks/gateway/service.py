"""The gateway's tasks: what they run, with which settings, and how many of them."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.shared.acknowledge import acknowledge

PORT = 8080
# A stopping task serves on for so long: the load balancer, told at the same time, takes some
# seconds to send new requests elsewhere.
LEAVE_SECONDS = 10
# Of each task. As streams of a hundred events a second they would take half of what a core was
# measured to decode and write (docs/benchmarks.md).
_IN_FLIGHT = 100


class GatewayService(Construct):
    """A Fargate service on Graviton, two tasks at least.

    A task waits on models most of the time: one vCPU held over 500 paced streams when measured.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        image: ecs.ContainerImage,
        key: kms.Key,
        config_toml: str,
        tenants_table: str,
        ledger_table: str,
        permissions: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, construct_id)
        name = cdk.Stack.of(self).stack_name  # one of its kind in an account and region

        definition = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=1024,
            memory_limit_mib=2048,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        definition.add_container(
            "Gateway",
            image=image,
            command=[
                *("--host", "0.0.0.0", "--port", str(PORT)),
                *("--table", tenants_table),
                *("--ledger-table", ledger_table),
                *("--leave", str(LEAVE_SECONDS)),
            ],
            environment={"GATEWAY_CONFIG": config_toml, "GATEWAY_SERVICE": name},
            port_mappings=[ecs.PortMapping(container_port=PORT)],
            readonly_root_filesystem=True,
            stop_timeout=cdk.Duration.seconds(120),  # the most ECS allows: streams may end
            logging=ecs.LogDriver.aws_logs(stream_prefix="gateway", log_group=self._logs(key)),
        )
        for statement in permissions:
            definition.add_to_task_role_policy(statement)
        self.service = ecs.FargateService(
            self,
            "Default",
            cluster=ecs.Cluster(
                self, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
            ),
            task_definition=definition,
            assign_public_ip=False,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            min_healthy_percent=100,
            health_check_grace_period=cdk.Duration.seconds(60),
        )
        self._scale(name)
        self._acknowledge(definition)

    def _scale(self, name: str) -> None:
        """Follow what is in flight, which the tasks tell in their logs, and the CPU."""
        tasks = self.service.auto_scale_task_count(min_capacity=2, max_capacity=10)
        tasks.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        tasks.scale_to_track_custom_metric(
            "InFlight",
            metric=cloudwatch.Metric(
                namespace="Gateway",
                metric_name="InFlightRequests",
                dimensions_map={"Service": name},
                statistic="Average",  # over the tasks: each tells its own
                period=cdk.Duration.minutes(1),
            ),
            target_value=_IN_FLIGHT,
            scale_out_cooldown=cdk.Duration.minutes(1),
            # A task that goes takes its streams' time with it: be slow to send one away.
            scale_in_cooldown=cdk.Duration.minutes(10),
        )

    def _logs(self, key: kms.Key) -> logs.LogGroup:
        stack = cdk.Stack.of(self)
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=["*"],  # of this key's policy: the key
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name="*",
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )
        return logs.LogGroup(
            self,
            "Logs",
            encryption_key=key,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _acknowledge(self, definition: ecs.FargateTaskDefinition) -> None:
        acknowledge(
            definition,
            {
                "AwsSolutions-ECS2": "The variable holds a table of models and prices; no secret "
                "is in it.",
                "AwsSolutions-IAM5": "Signing in to ECR cannot be limited to a registry; a model "
                "behind an inference profile is invoked in Regions that AWS chooses.",
            },
        )
