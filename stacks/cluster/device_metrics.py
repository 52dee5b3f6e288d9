"""Where CloudWatch's agent tells of accelerators and EFA interfaces, and what it may do in AWS."""

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.cluster.charts.monitor import AGENT
from stacks.shared.acknowledge import acknowledge
from stacks.shared.metrics import BROKEN_MEMORY

# The agent's own names for errors of a device's memory that were not corrected, since its last look
# (aws/amazon-cloudwatch-agent, plugins/processors/gpuattributes/internal, the metric modifier). It
# makes a metric of the total alone, most of which was corrected.
_UNCORRECTED = tuple(
    f"node_neurondevice_hw_ecc_events_{memory}_ecc_uncorrected" for memory in ("mem", "sram")
)


class DeviceMetrics(Construct):
    """The log group that the agent's metrics are made from, and a role for its service account.

    The group is made here, so that it goes with the cluster and the agent need make none. A filter
    counts what is in its lines and no metric: memory of Neuron devices that is broken for good.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster_name: str, metrics: str
    ) -> None:
        """`metrics`: the namespace of what is counted."""
        super().__init__(scope, construct_id)

        group = logs.LogGroup(
            self,
            "Performance",
            # The agent's name for it: its translator/translate/otel/exporter/awsemf.
            log_group_name=f"/aws/containerinsights/{cluster_name}/performance",
            retention=logs.RetentionDays.ONE_WEEK,  # the metrics stay for 15 months
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            group,
            {
                "CloudWatchLogGroupEncrypted": "Under the key of CloudWatch Logs: figures of nodes "
                "and names of pods, nothing of what they work on.",
            },
        )
        logs.MetricFilter(
            self,
            "BrokenMemory",
            log_group=group,
            filter_pattern=logs.FilterPattern.any(
                *(logs.FilterPattern.number_value(f"$.{name}", ">", 0) for name in _UNCORRECTED)
            ),
            metric_namespace=metrics,
            metric_name=BROKEN_MEMORY,
        )
        role = self._role(group)
        namespace, service_account = AGENT
        eks.CfnPodIdentityAssociation(
            self,
            "Association",
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=service_account,
            role_arn=role.role_arn,
        )

    def _role(self, group: logs.LogGroup) -> iam.Role:
        """What of CloudWatchAgentServerPolicy these metrics take: lines, and a node's tags."""
        pods = iam.SessionTagsPrincipal(iam.ServicePrincipal("pods.eks.amazonaws.com"))
        role = iam.Role(self, "Role", assumed_by=pods)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[group.log_group_arn],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ec2:DescribeTags", "ec2:DescribeVolumes"],
                resources=["*"],  # they have none
            )
        )
        acknowledge(
            role,
            {"AwsSolutions-IAM5": "The streams of its one log group; describing has no resource."},
        )
        return role
