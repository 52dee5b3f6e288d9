"""What the cluster autoscaler may do in AWS."""

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.cluster.charts.autoscaler import SERVICE_ACCOUNT
from stacks.shared.acknowledge import acknowledge

# kubernetes/autoscaler, cloudprovider/aws/README.md, less what launch configurations and
# instance requirements would take. None of these has a resource.
_READS = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeScalingActivities",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplateVersions",
]
_WRITES = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]


class AutoscalerAccess(Construct):
    """A role for the autoscaler's service account, through EKS Pod Identity."""

    def __init__(self, scope: Construct, construct_id: str, *, cluster_name: str) -> None:
        super().__init__(scope, construct_id)

        pods = iam.SessionTagsPrincipal(iam.ServicePrincipal("pods.eks.amazonaws.com"))
        role = iam.Role(self, "Role", assumed_by=pods)
        role.add_to_policy(iam.PolicyStatement(actions=_READS, resources=["*"]))
        # Labels, taints and tags of a group at zero: all that is known of its nodes.
        stack = cdk.Stack.of(self)
        groups = stack.format_arn(
            service="eks", resource="nodegroup", resource_name=f"{cluster_name}/*"
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["eks:DescribeNodegroup"], resources=[groups])
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=_WRITES,
                resources=["*"],
                # EKS tags the Auto Scaling groups of its node groups so; their names are its own.
                conditions={"StringEquals": {"aws:ResourceTag/eks:cluster-name": cluster_name}},
            )
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5": "Describing has no resource; the rest is held to the "
                "cluster's own groups.",
            },
        )
        eks.CfnPodIdentityAssociation(
            self,
            "Association",
            cluster_name=cluster_name,
            namespace="kube-system",
            service_account=SERVICE_ACCOUNT,
            role_arn=role.role_arn,
        )
